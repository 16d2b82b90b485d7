//! Values that are not finite, and what a failed step leaves.

use nnc_emulator::Real;

use crate::{Buffer, Kernels, Step};

const FAILED: Step =
    Step { seed: 1, step: 41, not_finite: 1, gradient_scale: 8.0, skipped: 3, scale: 4.0, good_steps: 7 };
const SKIPPED: Step = Step { not_finite: 2, ..FAILED };
const GOOD: Step = Step { not_finite: 0, ..FAILED };

#[test]
fn one_bad_value_is_found_wherever_it_is() {
    let kernels = Kernels::new("finite.cu", Real::Float);
    let check = |values: &[f32], reverse: bool| {
        let (mut values, mut step) = (Buffer::new(values), Buffer::new(&[GOOD]));
        let count = values.len as u64;
        kernels.run("nnc_finite", 3, &[values.address(), count, step.address()], reverse);
        assert_eq!(Step { not_finite: 0, ..step.values()[0] }, GOOD);
        step.values()[0].not_finite == 1
    };
    for count in [1, 3, 1024, 3 * 1024 + 1, 10_001] {
        let mut values = vec![f32::MAX; count];
        for reverse in [false, true] {
            assert!(!check(&values, reverse), "{count}");
        }
        for at in [0, count / 2, count - 1] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                values[at] = bad;
                assert!(check(&values, at % 2 == 0), "{bad} at {at} of {count}");
                values[at] = -f32::MAX;
            }
        }
    }
}

#[test]
fn a_step_that_fails_or_is_skipped_changes_no_state() {
    let kernels = Kernels::new("guard.cu", Real::Float);
    for count in [1usize, 4, 1027] {
        let (old, new) = (vec![1.5f32; count], vec![f32::NAN; count]);
        let blocks = count.div_ceil(4 * 256);
        for (step, reverse) in [(GOOD, false), (FAILED, false), (FAILED, true), (SKIPPED, true)] {
            let (mut states, mut saved) = (Buffer::new(&old), Buffer::new(&vec![0.0f32; count]));
            let mut before = Buffer::new(&[GOOD]);
            let arguments = [states.address(), saved.address(), count as u64, before.address()];
            kernels.run("nnc_save", blocks, &arguments, reverse);
            assert_eq!(saved.values(), old);
            let (mut states, mut after) = (Buffer::new(&new), Buffer::new(&[step]));
            let arguments = [states.address(), saved.address(), count as u64, after.address()];
            kernels.run("nnc_restore", blocks, &arguments, reverse);
            let kept = states.values().iter().all(|state| state.is_nan());
            assert_eq!(kept, step == GOOD, "{step:?}");
            assert!(kept || states.values() == old);
            // What was kept stays good however often a step is tried after a failure.
            kernels.run("nnc_save", blocks, &arguments, reverse);
            assert_eq!(saved.values() == old, step != GOOD);
        }
    }
}

#[test]
fn failed_steps_do_not_count() {
    for real in [Real::Float, Real::Bf16] {
        for (step, expected) in [(GOOD, 42), (FAILED, 41)] {
            assert_eq!(advanced(real, step), Step { step: expected, ..step });
        }
    }
}

fn advanced(real: Real, step: Step) -> Step {
    let (kernels, mut device) = (Kernels::new("guard.cu", real), Buffer::new(&[step]));
    kernels.run("nnc_advance", 1, &[device.address()], true);
    device.values()[0]
}

#[test]
fn at_half_precision_a_gradient_that_is_not_finite_skips_the_step_while_the_scale_can_fall() {
    let kernels = Kernels::new("finite.cu", Real::Half);
    let verdict = |before: Step, value: f32| {
        let (mut values, mut step) = (Buffer::new(&[1.0, value, 2.0]), Buffer::new(&[before]));
        kernels.run("nnc_finite", 2, &[values.address(), 3, step.address()], false);
        step.values()[0]
    };
    let last = Step { scale: 1.0, ..GOOD };
    assert_eq!(verdict(GOOD, f32::MAX), GOOD);
    assert_eq!(verdict(GOOD, f32::INFINITY), SKIPPED);
    assert_eq!(verdict(FAILED, f32::NAN), FAILED, "the loss was not finite");
    assert_eq!(verdict(last, f32::NAN), Step { not_finite: 1, ..last });
}

#[test]
fn the_scale_halves_when_a_step_is_skipped_and_doubles_after_many_good_ones() {
    let after = |step: Step| advanced(Real::Half, step);
    let counted = Step { gradient_scale: 4.0, ..GOOD };
    assert_eq!(after(GOOD), Step { step: 42, good_steps: 8, ..counted });
    assert_eq!(after(FAILED), Step { not_finite: 1, ..counted });
    let halved = Step { scale: 2.0, good_steps: 0, ..counted };
    assert_eq!(after(SKIPPED), Step { step: 42, skipped: 4, ..halved });
    let grown = |scale: f32| after(Step { scale, good_steps: 1999, ..GOOD });
    assert_eq!(grown(4.0), Step { step: 42, scale: 8.0, good_steps: 0, ..counted });
    assert_eq!(grown(16_777_216.0).scale, 16_777_216.0);
}
