//! What goes wrong on a GPU is an error that says what, and the model stays as it was.

use nnc::runtime::Gpu;
use nnc::runtime::data;
use nnc::runtime::program::Program;
use nnc::{Device, Error, Model, Precision, StepReport};

use crate::networks::{Batch, bits_of, convolution, loaded, mlp, pair};

/// Bad inputs and bad parameters are found as on the processor, and leave no trace.
pub(crate) fn not_finite() {
    let program = convolution();
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    let good = Batch::random(program, 3, 3);
    for model in [&mut cpu, &mut gpu] {
        good.train(model);
        good.train(model);
    }
    let mut bad = Batch::random(program, 3, 4);
    bad.inputs[0][17] = f32::NAN;
    (0..2).for_each(|_| fail_alike(&mut cpu, &mut gpu, &bad));
    good.train(&mut gpu);
    assert_eq!(gpu.step(), 3);

    let program = mlp();
    let [mut cpu, mut gpu] = pair(program, Precision::F32);
    let good = Batch::random(program, 5, 3);
    // Sums of such large weights overflow: the layer is at fault, and no single parameter.
    let cases = [("linear2.weight", 3e38), ("linear1.weight", f32::INFINITY), ("linear2.bias", f32::NAN)];
    for (name, value) in cases {
        let fresh = gpu.parameter(name).expect("it has one");
        for model in [&mut cpu, &mut gpu] {
            model.set_parameter(name, &vec![value; fresh.len()]).expect("it has one");
        }
        fail_alike(&mut cpu, &mut gpu, &good);
        for model in [&mut cpu, &mut gpu] {
            model.set_parameter(name, &fresh).expect("it has one");
        }
    }
    good.train(&mut gpu);
    one_among_good_ones(program);
}

/// A step and an evaluation fail with the same words on both devices, and change nothing.
fn fail_alike(cpu: &mut Model, gpu: &mut Model, batch: &Batch) {
    // As text, in which NaN equals NaN.
    let state = |gpu: &Model| format!("{:?}", gpu.checkpoint().expect("memory"));
    let before = state(gpu);
    let [expected, found] = [&mut *cpu, &mut *gpu].map(|model| {
        let training = model.train_step_many(&batch.inputs(), &batch.targets());
        let evaluation = model.evaluate_many(&batch.inputs(), &batch.targets());
        [training, evaluation].map(|result| words(&result.expect_err("it is not finite")))
    });
    assert_eq!(found, expected);
    assert!(state(gpu) == before, "a step that failed has changed something");
}

/// A loss of 2.9e38 on one device may be infinite on the other; all else is the same.
fn words(error: &Error) -> String {
    error.to_string().replace("-inf", "NaN").replace("inf", "NaN")
}

/// Steps that were begun after a bad one have no effect.
fn one_among_good_ones(program: &'static Program) {
    let [_, mut gpu] = pair(program, Precision::F32);
    let [_, mut other] = pair(program, Precision::F32);
    let mut good = loaded(program, 4, 1);
    let mut bad = good.clone();
    bad.inputs[3] = f32::NEG_INFINITY;
    other.train_batch(&mut good).expect("it fits");
    let mut results = vec![gpu.train_ahead(&mut good), gpu.train_ahead(&mut bad)];
    while results.iter().all(Result::is_ok) && results.len() < 9 {
        results.push(gpu.train_ahead(&mut good));
    }
    let reports = results.iter().filter(|result| matches!(result, Ok(Some(_)))).count();
    assert!(reports == 1 && matches!(results.last(), Some(Err(Error::NonFinite(_)))), "{results:?}");
    assert_eq!((gpu.step(), bits_of(program, &gpu)), (1, bits_of(program, &other)));
    let [found, expected] =
        [&mut gpu, &mut other].map(|model| model.train_batch(&mut good).expect("it fits"));
    assert_eq!(found, expected);
}

/// Steps before, between and behind evaluations that fail are those that they would be alone.
pub(crate) fn evaluation() {
    let program = convolution();
    let [_, mut gpu] = pair(program, Precision::F32);
    let [_, mut alone] = pair(program, Precision::F32);
    let mut good = loaded(program, 4, 1);
    let mut bad = good.clone();
    bad.inputs[3] = f32::NEG_INFINITY;
    let expected: Vec<_> = (0..6).map(|_| alone.train_batch(&mut good).expect("it fits")).collect();
    let (mut reports, mut failures) = (Vec::new(), 0);
    for _ in 0..6 {
        for (batch, begin) in [(&mut good, Model::train_ahead as Begin), (&mut bad, Model::evaluate_ahead)] {
            // If another batch has failed, this one has not been begun.
            while let Err(error) = begin(&mut gpu, batch).map(|report| reports.extend(report)) {
                failures += usize::from(matches!(&error, Error::NonFinite(found) if found.input));
                assert!(failures <= 6, "{error}");
            }
        }
    }
    loop {
        match gpu.finish() {
            Ok(Some(report)) => reports.push(report),
            Ok(None) => break,
            Err(_) => failures += 1,
        }
    }
    assert_eq!((reports, failures), (expected, 6));
    assert_eq!((gpu.step(), bits_of(program, &gpu)), (6, bits_of(program, &alone)));
}

type Begin = fn(&mut Model, &mut data::Batch) -> Result<Option<StepReport>, Error>;

/// What [`memory_refused`] and [`locked_memory_refused`] tell, by the time at which an allocation fails.
pub(crate) const REFUSED: [&str; 3] =
    ["the model was not made", "a batch was refused", "everything was allocated"];

/// A batch for which an allocation fails has no effect; those that come behind it, smaller or larger, do what they
/// always do.
pub(crate) fn memory_refused() {
    let program = convolution();
    let device = Device::Cuda(Gpu { precision: Precision::Bf16, ..Gpu::default() });
    let Ok(mut gpu) = Model::on(program, 7, &device) else { return crate::report(REFUSED[0]) };
    let batches = [2, 6, 3, 7].map(|samples| Batch::random(program, samples, samples as u64));
    let mut trained = Vec::new();
    for batch in &batches {
        match gpu.train_step_many(&batch.inputs(), &batch.targets()) {
            Ok(_) => trained.push(batch),
            Err(error) => assert!(matches!(error, Error::Cuda(_)), "{error}"),
        }
    }
    if trained.len() == batches.len() {
        return crate::report(REFUSED[2]);
    }
    let mut other = Model::on(program, 7, &device).expect("only one call fails");
    for batch in &trained {
        batch.train(&mut other);
    }
    assert_eq!((gpu.step(), bits_of(program, &gpu)), (3, bits_of(program, &other)));
    crate::report(REFUSED[1]);
}

/// A batch for which page-locked memory is refused takes no report of another with it, and can be begun again.
pub(crate) fn locked_memory_refused() {
    let program = convolution();
    let device = Device::Cuda(Gpu::default());
    let Ok(mut gpu) = Model::on(program, 7, &device) else { return crate::report(REFUSED[0]) };
    // There is a larger one while three are under way.
    let mut batches = [2, 2, 2, 6, 7, 3, 9].map(|samples| loaded(program, samples, samples as u64));
    let (mut reports, mut refused) = (Vec::new(), 0);
    for batch in &mut batches {
        let begun = gpu.train_ahead(batch).or_else(|error| {
            assert!(matches!(error, Error::Cuda(_)), "{error}");
            refused += 1;
            gpu.train_ahead(batch)
        });
        reports.extend(begun.expect("only one call fails"));
    }
    reports.extend(std::iter::from_fn(|| gpu.finish().expect("all are good")));
    if refused == 0 {
        return crate::report(REFUSED[2]);
    }
    let mut other = Model::on(program, 7, &device).expect("only one call fails");
    let expected = batches.each_mut().map(|batch| other.train_batch(batch).expect("it fits"));
    assert_eq!(reports, expected);
    crate::report(REFUSED[1]);
}

/// Memory is known before anything runs.
pub(crate) fn memory() {
    let program = convolution();
    let [_, mut gpu] = pair(program, Precision::F32);
    let small = Batch::random(program, 2, 1);
    let expected = small.predict(&mut gpu);
    let large = Batch::random(program, 30_000, 1);
    let error = gpu.train_step_many(&large.inputs(), &large.targets()).expect_err("it is too large");
    let (text, help) = (error.to_string(), error.help().unwrap_or_default());
    assert!(text.starts_with("a batch of 30000 needs ") && text.contains(" MiB are free"), "{text}");
    let fits = help.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse::<usize>().ok());
    assert!(fits.is_some_and(|fits| (10..30_000).contains(&fits)), "{help}");
    assert_eq!(small.predict(&mut gpu), expected, "the model is still usable");
}

/// Some call of the driver fails: an error, and no panic.
pub(crate) fn launch() {
    let program = convolution();
    let gpu = Device::Cuda(Gpu::default());
    let error = match Model::on(program, 1, &gpu) {
        Err(error) => error,
        Ok(mut model) => first_error(&mut model, program),
    };
    crate::report(&error.to_string());
    assert!(matches!(error, Error::Cuda(_)) && error.help().is_some(), "{error}");
}

fn first_error(model: &mut Model, program: &Program) -> Error {
    let batch = Batch::random(program, 3, 1);
    let mut steps = (0..20).map(|_| model.train_step_many(&batch.inputs(), &batch.targets()));
    steps.find_map(Result::err).expect("a call fails")
}
