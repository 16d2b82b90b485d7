//! One run: a model, its data, its folder, and how far it has come.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::batches::Batches;
use super::config::Config;
use super::evaluate::{evaluate, load_data};
use super::folder::RunFolder;
use super::log::{EpochRecord, Log, Record, ResultRecord, Session};
use super::observer::{Beginning, Observer, Part, Step};
use super::progress::{DataRecord, Metrics, Progress, RunRecord, Score, Totals};
use super::task::Task;
use super::{Options, Outcome, Start};
use crate::checkpoint::{self, Checkpoint};
use crate::data::{Augment, Dataset, LoaderOptions, Order, Splits};
use crate::error::Error;
use crate::model::{Model, StepReport};
use crate::program::Program;

/// A run under way.
pub(super) struct Run<'a> {
    program: &'static Program,
    task: Task,
    model: Model,
    parts: Parts,
    record: RunRecord,
    folder: RunFolder,
    log: Log,
    resumed: Option<(usize, usize)>,
    interrupt: &'a AtomicBool,
}

/// The data set, shared with the threads that load it.
struct Parts {
    training: Arc<Dataset>,
    validation: Arc<Dataset>,
    test: Arc<Dataset>,
    notes: Vec<String>,
}

/// When an epoch's session began, and what it has done.
struct Clock {
    start: Instant,
    samples: usize,
    training_seconds: f64,
    /// Since the last record of steps.
    recent: Totals,
}

/// Records of steps in the log of an epoch.
const RECORDS: usize = 20;

impl<'a> Run<'a> {
    /// Starts or resumes a run: settings, data, model, folder, log.
    pub(super) fn open(program: &'static Program, options: &Options<'a>) -> Result<Run<'a>, Error> {
        match &options.start {
            Start::New(folder) => Run::start(program, options, folder.as_deref()),
            Start::Resume(folder) => Run::resume(program, options, folder.as_deref()),
        }
    }

    fn start(
        program: &'static Program,
        options: &Options<'a>,
        folder: Option<&Path>,
    ) -> Result<Run<'a>, Error> {
        let task = Task::of(program)?;
        let config = Config::new(program, &options.overrides)?;
        let splits = load_data(program, &config.data)?;
        let mut model = Model::on(program, config.seed, &options.device)?;
        for (name, value) in &config.hyperparameters {
            model.set_hyperparameter(name, *value)?;
        }
        let record = RunRecord { config, data: describe(&splits), progress: Progress::default() };
        let folder = RunFolder::create(program.name, folder)?;
        let log = Log::open(&folder.log())?;
        let interrupt = options.interrupt;
        let parts = Parts::new(splits);
        let mut run = Run { program, task, model, parts, record, folder, log, resumed: None, interrupt };
        // From now on a run that is killed can be resumed, be it from the very beginning.
        run.save(&run.folder.last())?;
        run.write_session()?;
        Ok(run)
    }

    fn resume(
        program: &'static Program,
        options: &Options<'a>,
        folder: Option<&Path>,
    ) -> Result<Run<'a>, Error> {
        let task = Task::of(program)?;
        let folder = RunFolder::find(program.name, folder)?;
        let (checkpoint, mut record) = read_run(program, &folder.last())?;
        record.config = record.config.resumed(program, &options.overrides)?;
        let splits = load_data(program, &record.config.data)?;
        check_data(&record.data, &describe(&splits))?;
        let mut model = Model::on(program, record.config.seed, &options.device)?;
        model.restore(&checkpoint, &folder.last())?;
        let resumed = Some((record.progress.epoch, record.progress.position));
        let log = Log::open(&folder.log())?;
        let (parts, interrupt) = (Parts::new(splits), options.interrupt);
        let mut run = Run { program, task, model, parts, record, folder, log, resumed, interrupt };
        run.write_session()?;
        Ok(run)
    }

    /// The folder with checkpoints and log.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What to tell before the first step.
    pub(super) fn beginning(&self) -> Beginning<'_> {
        Beginning {
            network: self.program.name,
            input: self.task.input,
            optimizer: self.program.optimizer.name,
            config: &self.record.config,
            parameters: parameter_count(self.program),
            samples: self.record.data.samples,
            memory: self.model.memory().training(self.record.config.batch),
            device: self.model.device(),
            threads: self.model.threads(),
            folder: self.folder.path(),
            resumed: self.resumed,
            notes: &self.parts.notes,
        }
    }

    /// Whether all epochs are done.
    pub(super) fn is_trained(&self) -> bool {
        self.record.progress.epoch >= self.record.config.epochs
    }

    /// Does what remains of the next epoch; breaks off, with the position saved, when interrupted.
    pub(super) fn epoch(&mut self, observer: &mut dyn Observer) -> Result<ControlFlow<()>, Error> {
        let mut clock =
            Clock { start: Instant::now(), samples: 0, training_seconds: 0.0, recent: Totals::default() };
        if self.train_epoch(&mut clock, observer)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        clock.training_seconds = clock.start.elapsed().as_secs_f64();
        let validation = Arc::clone(&self.parts.validation);
        let Some(validation) = self.measure(&validation, Part::Validation, observer)? else {
            return Ok(ControlFlow::Break(()));
        };
        let record = self.end_epoch(validation, &clock)?;
        observer.epoch(&record);
        Ok(ControlFlow::Continue(()))
    }

    /// Tests the best parameters; nothing when interrupted.
    pub(super) fn test(&mut self, observer: &mut dyn Observer) -> Result<Option<ResultRecord>, Error> {
        let path = self.folder.best();
        self.model.restore(&Checkpoint::read(&path)?, &path)?;
        let test = Arc::clone(&self.parts.test);
        let Some(test) = self.measure(&test, Part::Test, observer)? else { return Ok(None) };
        let best_epoch = self.record.progress.best.map_or(0, |best| best.epoch);
        let record = ResultRecord { test, best_epoch };
        self.log.write(&Record::Result(record))?;
        observer.result(&record);
        Ok(Some(record))
    }

    /// The outcome of a run that was interrupted.
    pub(super) fn interrupted(&self) -> Outcome {
        Outcome::Interrupted { folder: self.folder().to_owned() }
    }

    fn train_epoch(
        &mut self,
        clock: &mut Clock,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, Error> {
        let options = self.loader_options();
        let mut batches = Batches::new(&mut self.model, &self.parts.training, options)?;
        let steps = self.parts.training.len().div_ceil(self.record.config.batch);
        while let Some(report) = batches.train(&mut self.model)? {
            if let Some(report) = report {
                self.count_step(&report, steps, clock, observer)?;
            }
            if self.interrupt.load(Ordering::Relaxed) {
                self.finish_steps(steps, clock, observer)?;
                self.save(&self.folder.last())?;
                return Ok(ControlFlow::Break(()));
            }
        }
        self.finish_steps(steps, clock, observer)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Waits for the steps that were begun and counts them.
    fn finish_steps(
        &mut self,
        steps: usize,
        clock: &mut Clock,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        while let Some(report) = self.model.finish()? {
            self.count_step(&report, steps, clock, observer)?;
        }
        Ok(())
    }

    fn count_step(
        &mut self,
        report: &StepReport,
        steps: usize,
        clock: &mut Clock,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        clock.samples += report.samples;
        clock.recent.add(report);
        let progress = &mut self.record.progress;
        progress.position += 1;
        progress.totals.add(report);
        self.log_steps(clock, steps)?;
        let step = self.step(Part::Training, self.record.progress.position, steps, report.samples);
        observer.step(&Step { loss: Some(report.loss), ..step });
        Ok(())
    }

    /// The mean loss since the record before, at each twentieth of the epoch.
    fn log_steps(&mut self, clock: &mut Clock, steps: usize) -> Result<(), Error> {
        let step = self.record.progress.position;
        if !step.is_multiple_of(steps.div_ceil(RECORDS)) {
            return Ok(());
        }
        let loss = std::mem::take(&mut clock.recent).metrics(false).loss;
        let epoch = self.record.progress.epoch + 1;
        self.log.write(&Record::Steps { epoch, step, steps, loss })
    }

    fn loader_options(&self) -> LoaderOptions {
        let config = &self.record.config;
        LoaderOptions {
            order: Order::Shuffled,
            batch: config.batch,
            first_step: self.record.progress.position,
            augment: Augment { flip: config.flip, crop: config.crop },
            seed: config.seed,
            epoch: self.record.progress.epoch as u64,
            statistics: self.record.data.statistics.clone(),
            input: self.task.input.to_vec(),
        }
    }

    /// Measures the model on a part. When interrupted, saves the position and gives nothing.
    fn measure(
        &mut self,
        dataset: &Arc<Dataset>,
        part: Part,
        observer: &mut dyn Observer,
    ) -> Result<Option<Metrics>, Error> {
        let batch = self.record.config.batch;
        let steps = dataset.len().div_ceil(batch);
        let mut step = self.step(part, 0, steps, 0);
        let interrupt = self.interrupt;
        let statistics = &self.record.data.statistics;
        let totals = evaluate(&mut self.model, dataset, statistics, batch, |samples| {
            step = Step { done: step.done + 1, samples, ..step };
            observer.step(&step);
            match interrupt.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        // The model that is tested is the best one, and `last` has been written before.
        if totals.is_none() && part == Part::Validation {
            self.save(&self.folder.last())?;
        }
        Ok(totals.map(|totals| totals.metrics(self.task.has_classes())))
    }

    fn end_epoch(&mut self, validation: Metrics, clock: &Clock) -> Result<EpochRecord, Error> {
        let progress = &mut self.record.progress;
        let training = progress.totals.metrics(self.task.has_classes());
        let epoch = progress.epoch + 1;
        let best = progress.is_best(&validation);
        if best {
            progress.best = Some(Score { epoch, metrics: validation });
        }
        progress.next_epoch();
        // `best` first: if the run is killed in between, the epoch is done again with the same result.
        if best {
            self.save(&self.folder.best())?;
        }
        self.save(&self.folder.last())?;
        let record = EpochRecord {
            epoch,
            epochs: self.record.config.epochs,
            training,
            validation,
            samples_per_second: clock.samples as f64 / clock.training_seconds.max(1e-9),
            seconds: clock.start.elapsed().as_secs_f64(),
            best,
        };
        self.log.write(&Record::Epoch(record))?;
        Ok(record)
    }

    fn step(&self, part: Part, done: usize, steps: usize, samples: usize) -> Step {
        let epochs = self.record.config.epochs;
        let epoch = (self.record.progress.epoch + 1).min(epochs);
        Step { part, epoch, epochs, done, steps, samples, loss: None }
    }

    fn save(&self, path: &Path) -> Result<(), Error> {
        let mut checkpoint = self.model.checkpoint()?;
        checkpoint.metadata.run = Some(self.record.clone());
        checkpoint.write(path)
    }

    fn write_session(&mut self) -> Result<(), Error> {
        let session = Session {
            network: self.program.name,
            source_fnv1a64: checkpoint::fingerprint(self.program.source),
            parameters: parameter_count(self.program),
            config: &self.record.config,
            samples: self.record.data.samples,
            runtime: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            device: self.model.device(),
            threads: self.model.threads(),
            algorithms: self.model.pool().selector().mode().name(),
        };
        let record = match self.resumed {
            None => Record::Start(session),
            Some((epoch, position)) => Record::Resume { epoch, position, session },
        };
        self.log.write(&record)
    }
}

impl Parts {
    fn new(splits: Splits) -> Parts {
        Parts {
            training: Arc::new(splits.train),
            validation: Arc::new(splits.validation),
            test: Arc::new(splits.test),
            notes: splits.notes,
        }
    }
}

/// Number of learnt values; the flat buffer may be longer.
fn parameter_count(program: &Program) -> usize {
    program.parameters.iter().map(|parameter| parameter.shape.iter().product::<usize>()).sum()
}

fn describe(splits: &Splits) -> DataRecord {
    DataRecord {
        shape: splits.train.shape().to_vec(),
        statistics: splits.statistics.clone(),
        classes: splits.train.classes().to_vec(),
        samples: [splits.train.len(), splits.validation.len(), splits.test.len()],
    }
}

/// Reads the checkpoint of a run of this very model.
fn read_run(program: &Program, path: &Path) -> Result<(Checkpoint, RunRecord), Error> {
    let checkpoint = Checkpoint::read(path)?;
    let damage = |message: &str, help: &str| Error::Checkpoint {
        path: path.to_owned(),
        message: message.to_owned(),
        help: help.to_owned(),
    };
    if checkpoint.metadata.source != program.source {
        return Err(damage(
            "belongs to another text of the model: it has changed since the run began",
            "restore the text, which is in the checkpoint, or start a new run without `--resume`",
        ));
    }
    let (old, new) = (&checkpoint.metadata.optimizer, program.optimizer.name);
    if old != new {
        return Err(damage(
            &format!("is of a run with the optimiser {old}, but the network was compiled with {new}"),
            &format!("compile it with `--optimizer {old}`, or start a new run without `--resume`"),
        ));
    }
    match checkpoint.metadata.run.clone() {
        Some(record) => Ok((checkpoint, record)),
        None => Err(damage("is not part of a run", "start a new run without `--resume`")),
    }
}

fn check_data(old: &DataRecord, new: &DataRecord) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    let difference = if old.samples != new.samples {
        let [training, validation, test] = old.samples;
        let [new_training, new_validation, new_test] = new.samples;
        format!(
            "it had {training} + {validation} + {test} samples (training, validation, test), \
             now {new_training} + {new_validation} + {new_test}"
        )
    } else if old.classes != new.classes {
        "its classes have other names".to_owned()
    } else {
        "its values have another mean or deviation".to_owned()
    };
    Err(Error::settings(
        format!("the data set has changed since the run began: {difference}"),
        "give the same data by `--data`, or start a new run without `--resume`",
    ))
}
