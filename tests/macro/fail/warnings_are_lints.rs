#![deny(deprecated)]

nnc::network! {
    block unused(c) { conv3 (c) bn relu }
    Net<1x8x8 -> 10> { conv3 8 bn relu gap linear 10 }
}

fn main() {
    let _ = Net::new(0);
}
