//! Batches, from their copy to their report.

use super::own::{RESULT_CORRECT, RESULT_LOSS, Report, States};
use super::slots::{Batch, Slot};
use super::tasks::{Binding, Task, run_all};
use super::{Engine, RESULT, STATUS_BYTES, Source, upload};
use crate::devices::cuda::{CudaError, Graph, Stream};
use crate::emitted::cuda::{Pass, Region};
use crate::error::{Error, Phase};
use crate::model::StepReport;
use crate::model::engine::{Ended, Settings, Stop};
use crate::model::kept::KeptBatch;

/// What is done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Train,
    Measure,
    Infer,
}

/// What a schedule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: Kind,
    /// The data set that the batch is gathered from; none if the processor has sent it.
    pub(super) kept: Option<usize>,
    pub(super) batch: usize,
}

/// All that is done with a batch of a certain size.
pub(super) struct Schedule {
    pub(super) key: Key,
    pub(super) prepare: Vec<Task>,
    /// Forward, and the loss where it is asked for.
    pub(super) forward: Vec<Task>,
    pub(super) report: Report,
    pub(super) backward: Vec<Task>,
    pub(super) update: Vec<Task>,
    /// From the second batch on: launching for the first time loads kernels, which no capture may do.
    graph: Option<Graph>,
    has_run: bool,
}

impl Source<'_> {
    fn size(&self) -> usize {
        match self {
            Source::Feed(feed) => feed.size,
            Source::Kept(batch) => batch.size,
        }
    }

    fn kept(&self) -> Option<KeptBatch> {
        match self {
            Source::Feed(_) => None,
            Source::Kept(batch) => Some(*batch),
        }
    }

    fn key(&self, kind: Kind) -> Key {
        Key { kind, kept: self.kept().map(|batch| batch.dataset), batch: self.size() }
    }
}

impl Engine {
    /// Begins a step of training. What has ended is the earliest batch under way, if it had to be waited for; if that has
    /// failed, nothing is begun.
    pub(crate) fn train(&mut self, source: Source, settings: Settings) -> Result<Option<Ended>, Stop> {
        let key = source.key(Kind::Train);
        let batch = self.parts(Phase::Training, source, settings.hyperparameters);
        let ended = self.make_room(key, &batch)?;
        self.fill(batch, source, settings.hyperparameters);
        // Steps under way have not been counted yet.
        let counted = ended.iter().filter(|ended| ended.phase == Phase::Training).count();
        let ahead = counted + self.slots.pending(Phase::Training);
        self.set_clock(settings.seed, settings.step + ahead as u64)?;
        self.copy_parameters()?;
        self.send(key)?;
        self.is_prepared = false;
        self.clock = self.clock.map(|(seed, step)| (seed, step + 1));
        Ok(ended)
    }

    /// Begins to measure a batch; what has ended is as in [`Engine::train`].
    pub(crate) fn measure(&mut self, source: Source) -> Result<Option<Ended>, Stop> {
        let key = source.key(Kind::Measure);
        let batch = self.parts(Phase::Evaluation, source, &[]);
        let ended = self.make_room(key, &batch)?;
        self.fill(batch, source, &[]);
        self.prepare(key)?;
        self.send(key)?;
        Ok(ended)
    }

    /// Whether there are batches that have not ended.
    pub(crate) fn is_busy(&self) -> bool {
        [Phase::Training, Phase::Evaluation].into_iter().any(|phase| self.slots.pending(phase) > 0)
    }

    /// Waits for the earliest batch under way, if there is one.
    pub(crate) fn end(&mut self) -> Result<Option<Ended>, Stop> {
        let Some(index) = self.slots.end() else { return Ok(None) };
        let slot = self.slots.slot(index);
        slot.done.synchronize()?;
        let (ended, is_finite) = ended(slot);
        if is_finite { Ok(Some(ended)) } else { Err(Stop::NotFinite(self.look_into(index, ended)?)) }
    }

    /// The outputs of a batch, in the order of the signature, channels last.
    pub(crate) fn infer(&mut self, size: usize, inputs: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let key = Key { kind: Kind::Infer, kept: None, batch: size };
        self.schedule(key)?;
        let mut sent = vec![0.0; self.regions.extents().len(Region::Input) * size];
        upload::inputs(self.program, self.cuda, size, inputs, &mut sent);
        let bytes: Vec<u8> = sent.iter().flat_map(|value| value.to_ne_bytes()).collect();
        self.arrivals.write(&bytes, &self.stream)?;
        self.take([bytes.len(), 0, 0])?;
        self.prepare(key)?;
        self.run(key)?;
        let outputs = self.cuda.evaluation.outputs.iter();
        Ok(outputs.map(|place| self.numbers(place, size)).collect::<Result<_, _>>()?)
    }

    /// Waits for the earliest batch if all slots are under way. What fails for want of memory does so before, as its report
    /// is given once.
    fn make_room(&mut self, key: Key, batch: &Batch) -> Result<Option<Ended>, Stop> {
        self.schedule(key)?;
        let larger = self.slots.larger(&self.context, batch.end)?;
        let ended = if self.slots.is_full() { self.end()? } else { None };
        larger.into_iter().for_each(|larger| self.slots.next().sent = larger);
        Ok(ended)
    }

    /// Makes the schedule, unless there is one.
    pub(super) fn schedule(&mut self, key: Key) -> Result<(), Error> {
        if self.schedules.contains_key(&key) {
            return Ok(());
        }
        let Key { kind, batch, .. } = key;
        self.reserve(batch)?;
        self.measure_candidates(kind, batch)?;
        let pass = self.pass(kind);
        let update = if kind == Kind::Train { self.cuda.update } else { &[] };
        self.functions.compile(self.choices.chosen_launches(pass.steps(), batch).chain(update))?;
        let binding = self.binding(kind, batch);
        let tasks = |steps| binding.tasks(steps, &self.choices);
        let forward = [pass.forward, if kind == Kind::Infer { &[] } else { pass.loss }];
        let schedule = Schedule {
            key,
            prepare: tasks(pass.prepare),
            forward: forward.into_iter().flat_map(tasks).collect(),
            report: self.report(kind, batch),
            backward: tasks(pass.backward),
            update: binding.bound(update),
            graph: None,
            has_run: false,
        };
        self.schedules.insert(key, schedule);
        Ok(())
    }

    pub(super) fn pass(&self, kind: Kind) -> &'static Pass {
        match kind {
            Kind::Train => &self.cuda.training,
            Kind::Measure | Kind::Infer => &self.cuda.evaluation,
        }
    }

    pub(super) fn binding(&self, kind: Kind, batch: usize) -> Binding<'_> {
        Binding {
            cuda: self.cuda,
            regions: &self.regions,
            workspace: &self.workspace,
            hyperparameters: &self.hyperparameters,
            optimizer: &self.optimizer,
            step: self.status_address(kind),
            batch,
        }
    }

    fn report(&self, kind: Kind, batch: usize) -> Report {
        let pass = self.pass(kind);
        let address = |place| self.regions.address(place, batch);
        let report = Report {
            losses: address(&pass.loss_place),
            samples: batch,
            parts: self.parts.address(),
            result: self.status_address(kind) + RESULT as u64,
            ..Report::default()
        };
        let Some((output, rows)) = self.regions.extents().judged_output() else { return report };
        Report {
            logits: address(&pass.outputs[output]),
            labels: self.regions.labels().address() + self.regions.labels_start(output, batch) as u64,
            rows: batch * rows,
            classes: self.program.outputs[output].shape[0],
            ..report
        }
    }

    /// The status of training or of evaluation.
    fn status_address(&self, kind: Kind) -> u64 {
        let start = if kind == Kind::Train { 0 } else { STATUS_BYTES };
        self.status.address() + start as u64
    }

    /// Where the parts of a batch go in a slot.
    fn parts(&self, phase: Phase, source: Source, hyperparameters: &[f32]) -> Batch {
        let extents = self.regions.extents();
        upload::parts(extents, phase, source.size(), source.kept(), hyperparameters.len())
    }

    /// Copies a batch into the next slot, which has room for it.
    fn fill(&mut self, batch: Batch, source: Source, hyperparameters: &[f32]) {
        let slot = self.slots.next();
        slot.batch = batch;
        if let Source::Feed(feed) = source {
            upload::lay_out(self.program, self.cuda, feed, &batch, &mut slot.sent);
        }
        upload::lay_out_settings(hyperparameters, &batch, &mut slot.sent);
    }

    /// Gives the GPU the batch of the next slot: copies there, the pass, the copy of its report.
    fn send(&mut self, key: Key) -> Result<(), CudaError> {
        let kept = self.slots.next().batch.kept;
        kept.map_or(Ok(()), |batch| self.turn_to(batch))?;
        self.bring(self.slots.next_index())?;
        self.run(key)?;
        kept.into_iter().for_each(|batch| self.turned_past(batch));
        let slot = self.slots.next();
        // SAFETY: nobody touches what is received before `done` has been waited for, and the slot lives as long as the
        // stream, which `Drop` waits for.
        unsafe { self.status.read_into(0, &mut slot.received, &self.stream)? };
        slot.done.record(&self.stream)?;
        self.slots.begin();
        Ok(())
    }

    /// Does a schedule: eagerly the first time, then as a graph.
    fn run(&mut self, key: Key) -> Result<(), CudaError> {
        let Some(mut schedule) = self.schedules.remove(&key) else { return Ok(()) };
        let result = self.run_schedule(&mut schedule);
        self.schedules.insert(key, schedule);
        result
    }

    fn run_schedule(&self, schedule: &mut Schedule) -> Result<(), CudaError> {
        if !schedule.has_run || self.context.is_synchronous() {
            schedule.has_run = true;
            return self.give(schedule, &self.stream);
        }
        if schedule.graph.is_none() {
            let graph = self.stream.capture(|stream| self.give(schedule, stream))?;
            graph.upload(&self.stream)?;
            schedule.graph = Some(graph);
        }
        match &schedule.graph {
            // SAFETY: the graph goes with its schedule before any buffer is replaced, and runs in this stream alone.
            Some(graph) => unsafe { graph.launch(&self.stream) },
            None => Ok(()),
        }
    }

    /// Gives all parts of a schedule to a stream, one after the other.
    fn give(&self, schedule: &Schedule, stream: &Stream) -> Result<(), CudaError> {
        let Key { kind, kept, batch } = schedule.key;
        kept.map_or(Ok(()), |kept| self.gather(kept, batch, stream))?;
        let step = self.status_address(kind);
        let run = |tasks: &[Task]| run_all(tasks, &self.functions, stream);
        match kind {
            Kind::Train => {
                self.status.fill_zero(RESULT..STATUS_BYTES, stream)?;
                self.own.save(self.states(), step, stream)?;
            }
            // Its flag is nobody's but the batch's own.
            Kind::Measure => self.status.fill_zero(STATUS_BYTES..2 * STATUS_BYTES, stream)?,
            Kind::Infer => {}
        }
        run(&schedule.forward)?;
        if kind != Kind::Infer {
            self.own.report(&schedule.report, step, stream)?;
        }
        if kind == Kind::Train {
            run(&schedule.backward)?;
            let gradients = self.regions.memory(Region::Gradient).address();
            self.own.finite(gradients, self.program.trained_len, step, stream)?;
            self.own.restore(self.states(), step, stream)?;
            run(&schedule.update)?;
            self.own.advance(step, stream)?;
        }
        Ok(())
    }

    /// Takes back what a failed step has done to the states.
    pub(super) fn restore_states(&self) -> Result<(), CudaError> {
        self.own.restore(self.states(), self.status_address(Kind::Train), &self.stream)
    }

    fn states(&self) -> States {
        let current = self.regions.memory(Region::State).address();
        States { current, saved: self.saved_states.address(), len: self.program.state_len }
    }

    /// Brings what evaluation computes from the parameters alone up to date.
    fn prepare(&mut self, key: Key) -> Result<(), CudaError> {
        self.copy_parameters()?;
        if self.is_prepared {
            return Ok(());
        }
        if let Some(schedule) = self.schedules.get(&key) {
            run_all(&schedule.prepare, &self.functions, &self.stream)?;
        }
        self.copy_as_real(Region::Prepared, Region::PreparedReal)?;
        self.is_prepared = true;
        Ok(())
    }

    /// Brings the copies of the parameters as `real` up to date; an update does so itself.
    pub(super) fn copy_parameters(&mut self) -> Result<(), CudaError> {
        if !self.is_copied {
            self.copy_as_real(Region::Parameter, Region::ParameterReal)?;
            self.is_copied = true;
        }
        Ok(())
    }

    fn copy_as_real(&self, from: Region, to: Region) -> Result<(), CudaError> {
        if !self.is_cast() {
            return Ok(());
        }
        let len = self.regions.extents().len(from);
        let [from, to] = [from, to].map(|region| self.regions.memory(region).address());
        self.own.cast(from, to, len, &self.stream)
    }

    /// Tells the GPU seed and step, unless it knows them.
    fn set_clock(&mut self, seed: u64, step: u64) -> Result<(), CudaError> {
        if self.clock != Some((seed, step)) {
            let bytes = [&seed.to_ne_bytes()[..], &step.to_ne_bytes(), &0u32.to_ne_bytes()].concat();
            self.status.write(0, &bytes, &self.stream)?;
            self.clock = Some((seed, step));
        }
        Ok(())
    }
}

/// What a slot has received, and whether all was finite.
fn ended(slot: &Slot) -> (Ended, bool) {
    let Batch { phase, size, rows, .. } = slot.batch;
    let status = &slot.received[if phase == Phase::Training { 0 } else { STATUS_BYTES }..][..STATUS_BYTES];
    let word = |at: usize| u64::from_ne_bytes(std::array::from_fn(|index| status[at + index]));
    let loss = f64::from_bits(word(RESULT + RESULT_LOSS)) as f32;
    let has_failed = phase == Phase::Training && word(16) as u32 != 0;
    let correct = word(RESULT + RESULT_CORRECT) as usize;
    let report = StepReport { loss, correct, labels: rows, samples: size };
    (Ended { phase, report }, loss.is_finite() && !has_failed)
}

pub(super) fn kind_of(phase: Phase) -> Kind {
    match phase {
        Phase::Training => Kind::Train,
        Phase::Evaluation => Kind::Measure,
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The GPU may still read and write page-locked memory. If it has failed, it does not.
        let _ = self.arrivals.synchronize();
        let _ = self.stream.synchronize();
    }
}
