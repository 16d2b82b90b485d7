//! Values that are not finite, and what a failed step leaves.

use nnc_emulator::Real;

use crate::{Buffer, Kernels, Step};

const FAILED: Step = Step { seed: 1, step: 41, not_finite: 1, unused: 0 };
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
fn a_failed_step_changes_no_state() {
    let kernels = Kernels::new("guard.cu", Real::Float);
    for count in [1usize, 4, 1027] {
        let (old, new) = (vec![1.5f32; count], vec![f32::NAN; count]);
        let blocks = count.div_ceil(4 * 256);
        for (step, reverse) in [(GOOD, false), (FAILED, false), (FAILED, true)] {
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
            assert_eq!(saved.values() == old, step == FAILED);
        }
    }
}

#[test]
fn failed_steps_do_not_count() {
    let kernels = Kernels::new("guard.cu", Real::Float);
    for (step, expected) in [(GOOD, 42), (FAILED, 41)] {
        let mut device = Buffer::new(&[step]);
        kernels.run("nnc_advance", 1, &[device.address()], true);
        assert_eq!(device.values(), [Step { step: expected, ..step }]);
    }
}
