fn main() {
    let mut network = nnc::network!(<1x8x8 -> 10> conv3 8 bn relu pool2 linear 10);
    let _ = network.predict(&[0.0; 64]);
    let _ = nnc::network!(<1x8x8 -> 10> conv3 8 gap linear 10 repeat bn { });
}
