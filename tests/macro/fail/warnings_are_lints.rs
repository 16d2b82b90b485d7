#![deny(deprecated)]

nnc::network! {
    block unused(c) { conv3 (c) bn relu }
    Net<1x8x8 -> 10> { conv3 8 bn relu allow(activation-after-activation) tanh gap linear 10 }
}

nnc::network! {
    Sure<4 -> 1> { linear 1 softmax }
}

fn main() {
    let _ = (Net::new(0), Sure::new(0));
}
