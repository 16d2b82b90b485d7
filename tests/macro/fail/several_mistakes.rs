nnc::network! {
    Net<3x32x32 -> 10> {
        conv3 0x10 bn relu
        repeat { conv3 8 }
        conv3 (8 +) bn relu
        rleu gap linear 10
    }
    train Net { batch = 32 }
}

fn main() {
    let _ = Net::new(0);
}
