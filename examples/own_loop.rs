//! A network inside a Rust program, trained in a loop of one's own.
//!
//! `cargo run --release --example own_loop`

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::sync::Arc;

use nnc::network;
use nnc::runtime::data::{Augment, Dataset, Loader, LoaderOptions, Order, Request, Statistics, load};
use nnc::runtime::program::TargetKind;

network! {
    /// Digits of 8x8 pixels.
    pub Digits<1x8x8 -> 10> {
        conv3 32 bn relu
        conv3 64 bn relu pool2
        conv3 64 bn relu
        gap linear 10
    }
    train Digits { optimizer adam lr=0.002 }
}

fn main() -> Result<(), Box<dyn Error>> {
    let splits = load(&Request {
        format: "digits",
        path: None,
        target: None,
        input: &Digits::INPUT,
        output: &Digits::OUTPUT,
        wanted: TargetKind::Classes,
        augment: Augment::default(),
    })?;
    let (train, test) = (Arc::new(splits.train), Arc::new(splits.test));
    let mut digits = Digits::new(0);
    for epoch in 1..=8 {
        let mut loss = 0.0;
        for mut batch in loader(&train, Order::Shuffled, epoch, &splits.statistics)? {
            let report = digits.model().train_batch(&mut batch)?;
            loss += f64::from(report.loss) * batch.size as f64;
        }
        println!("epoch {epoch}: loss {:.4}", loss / train.len() as f64);
    }
    let mut correct = 0;
    for mut batch in loader(&test, Order::Sequential, 0, &splits.statistics)? {
        correct += digits.model().evaluate_batch(&mut batch)?.correct;
    }
    println!("test accuracy {:.2} %", 100.0 * correct as f64 / test.len() as f64);
    Ok(())
}

/// Standardised batches of 64, made ahead on a thread of their own.
fn loader(
    data: &Arc<Dataset>,
    order: Order,
    epoch: u64,
    statistics: &Statistics,
) -> Result<Loader, Box<dyn Error>> {
    let options = LoaderOptions {
        order,
        batch: 64,
        first_step: 0,
        augment: Augment::default(),
        seed: 0,
        epoch,
        statistics: statistics.clone(),
        input: Digits::INPUT.to_vec(),
    };
    Ok(Loader::new(Arc::clone(data), options)?)
}
