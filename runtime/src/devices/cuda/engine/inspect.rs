//! Where a value that is not finite came from.

use super::passes::{Key, Kind, Schedule, kind_of};
use super::tasks::Task;
use super::{Engine, FLAG, whole};
use crate::devices::cuda::{CudaError, Real};
use crate::emitted::cuda::{Element, Place, Region};
use crate::error::{Error, Phase};
use crate::model::engine::{Ended, NotFinite};

impl Engine {
    /// Runs the failed batch of a slot again, launch by launch, looking for its first bad value, and undoes it. What was begun
    /// after a step of training has had no effect and is forgotten.
    pub(super) fn look_into(&mut self, slot: usize, failed: Ended) -> Result<NotFinite, Error> {
        self.stream.synchronize()?;
        let Ended { phase, report } = failed;
        if phase == Phase::Training {
            self.slots.forget();
        }
        let batch = self.slots.slot(slot).batch;
        // A larger batch may have come since.
        let key = Key { kind: kind_of(phase), kept: batch.kept.map(|kept| kept.dataset), batch: batch.size };
        self.schedule(key)?;
        self.bring(slot)?;
        if let Some(kept) = batch.kept {
            self.turn_to(kept)?;
            self.gather(kept.dataset, kept.size, &self.stream)?;
        }
        let inputs = self.cuda.inputs.iter().map(|place| self.numbers(place, batch.size));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?.concat();
        let input = !inputs.iter().all(|value| value.is_finite());
        let layer = match self.schedules.remove(&key) {
            Some(schedule) => {
                let layer = self.inspect(&schedule, report.loss.is_finite());
                self.schedules.insert(key, schedule);
                layer?
            }
            None => None,
        };
        if phase == Phase::Training {
            self.restore_states()?;
            // The flag goes with the seed and the step, which are told anew.
            self.status.fill_zero(FLAG, &self.stream)?;
            self.clock = None;
        }
        Ok(NotFinite { phase, loss: report.loss, layer, input })
    }

    /// The layer of the first launch that reads or writes a value that is not finite.
    fn inspect(&self, schedule: &Schedule, with_backward: bool) -> Result<Option<String>, CudaError> {
        for region in [Region::Batched, Region::Wide, Region::Fixed] {
            let memory = self.regions.memory(region);
            memory.fill_zero(whole(memory), &self.stream)?;
        }
        let Key { kind, batch, .. } = schedule.key;
        let backward = if kind == Kind::Train && with_backward { &schedule.backward[..] } else { &[] };
        for task in schedule.forward.iter().chain(backward) {
            task.run(&self.functions, &self.stream)?;
            if !self.is_finite_after(task, batch)? {
                return Ok(Some(task.layer().to_owned()));
            }
        }
        Ok(None)
    }

    fn is_finite_after(&self, task: &Task, batch: usize) -> Result<bool, CudaError> {
        for place in task.places() {
            let is_number = place.region.element() != Element::Place;
            if is_number && !self.numbers(place, batch)?.iter().all(|value| value.is_finite()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The numbers in a place, whatever they are stored as.
    pub(super) fn numbers(&self, place: &Place, batch: usize) -> Result<Vec<f32>, CudaError> {
        let (memory, range) = (self.regions.memory(place.region), self.regions.range(place, batch));
        if self.regions.extents().size(place.region.element()) == 4 {
            return self.floats(memory, range.start, range.len() / 4);
        }
        let mut bytes = vec![0; range.len()];
        memory.read(range.start, &mut bytes, &self.stream)?;
        let numbers = bytes.as_chunks().0.iter().map(|bytes| u16::from_ne_bytes(*bytes));
        let real = self.regions.extents().real();
        Ok(numbers.map(|bits| if real == Real::Half { from_half(bits) } else { from_bf16(bits) }).collect())
    }
}

/// The upper half of a number in single precision.
fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE 754's binary16.
fn from_half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let size = match exponent {
        0 => fraction as f32 / 16_777_216.0,
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        // The exponent counts from -15 instead of -127.
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sixteen_bits() {
        let known = [(0, 0.0), (0x3c00, 1.0), (0xc100, -2.5), (0x7bff, 65504.0), (1, 2f32.powi(-24))];
        for (bits, number) in known {
            assert_eq!(from_half(bits), number, "{bits:x}");
        }
        assert_eq!([from_half(0x0400), from_half(0xfc00)], [2f32.powi(-14), f32::NEG_INFINITY]);
        assert!(from_half(0x7e00).is_nan());
        assert_eq!([from_bf16(0x3f80), from_bf16(0xc020)], [1.0, -2.5]);
    }
}
