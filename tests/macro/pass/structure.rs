//! Several inputs and outputs, and words that hold others.

nnc::network! {
    activation swish(x, beta = 1.0) = x*sigmoid(beta*x)

    /// A picture and a few numbers.
    pub Both(width = 8)<image: 3x8x8, meta: 4 -> class: 10, size: 2> {
        allow(batch-norm-after-activation)
        shared tower { conv3 (width) relu }
        conv3 (width) swish as low
        for i in 0..2 { tower if (i == 0) { bn } }
        concat low with lr=0.1 { conv1 (width) } se 2 gap as picture
        from meta linear (width) tanh add picture as both linear 10 as class
        from both linear 2 as size
    }
    train Both { loss cross_entropy output=class loss mse output=size weight=0.5 }
}

fn main() -> Result<(), nnc::Error> {
    assert_eq!(Both::INPUTS, [("image", &[3, 8, 8][..]), ("meta", &[4])]);
    assert_eq!(Both::OUTPUTS, [("class", &[10][..]), ("size", &[2])]);
    let mut both = Both::new(0);
    let inputs: [&[f32]; 2] = [&[0.5; 2 * 192], &[1.0; 2 * 4]];
    let targets = [nnc::Targets::Classes(&[3, 7]), nnc::Targets::Values(&[0.0; 4])];
    let report = both.train_step(inputs, targets)?;
    assert!(report.loss.is_finite() && report.samples == 2);
    let lengths: Vec<usize> = both.predict(inputs)?.iter().map(Vec::len).collect();
    assert_eq!(lengths, [20, 4]);

    // A finding that would stop the compiler, allowed.
    let mut sure = nnc::network!(<4 -> 1> linear 1 allow(softmax-over-one-class) softmax);
    assert_eq!(sure.predict(&[-1.0, 0.0, 1.0, 2.0])?, [1.0]);
    Ok(())
}
