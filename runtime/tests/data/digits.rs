//! The embedded data set.

use nnc_runtime::data::{Augment, Request, Statistics, load};
use nnc_runtime::program::TargetKind;

use crate::support::sizes;

fn digits<'a>(input: &'a [usize], output: &'a [usize]) -> Request<'a> {
    let augment = Augment::default();
    Request {
        format: "digits",
        path: None,
        target: None,
        input,
        output,
        wanted: TargetKind::Classes,
        augment,
    }
}

#[test]
fn three_parts_with_all_classes() {
    let splits = load(&digits(&[1, 8, 8], &[10])).unwrap();
    assert_eq!(sizes(&splits), [1259, 179, 359]);
    assert_eq!(splits.notes, [""; 0]);
    assert_eq!(splits.train.shape(), [1, 8, 8]);
    assert_eq!(splits.train.classes()[9], "9");
    assert_eq!(splits.statistics, Statistics::of(splits.train.samples()));
    assert_ne!(splits.statistics, Statistics::of(splits.test.samples()));
    assert!(splits.test.class_counts().iter().all(|&count| (34..=37).contains(&count)));
}

#[test]
fn a_vector_of_all_pixels_will_do() {
    assert!(load(&digits(&[64], &[10])).is_ok());
    assert!(load(&digits(&[1, 8, 8], &[10, 1, 1])).is_ok());
}

#[test]
fn a_network_of_another_shape_is_refused() {
    let message = |request: &Request| load(request).unwrap_err().to_string();
    assert_eq!(
        message(&digits(&[1, 28, 28], &[10])),
        "digits: the data is 1x8x8, but the network takes 1x28x28\n\
         help: begin the network's signature with `1x8x8`"
    );
    assert_eq!(
        message(&digits(&[1, 8, 8], &[12])),
        "digits: the data has 10 classes, but the network ends with 12\n\
         help: end the network's signature with `-> 10`"
    );
    assert_eq!(
        message(&Request { wanted: TargetKind::Values, ..digits(&[1, 8, 8], &[10]) }),
        "the data set `digits` has a class per sample, but the network's loss compares values\n\
         help: use `loss cross_entropy`, or the format `csv` for values"
    );
}
