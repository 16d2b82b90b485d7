nnc::network! {
    Net<1x8x8 -> 10> {
        conv3 16 relu pool2
        conv3 32 relu pool2
        conv3 64 relu pool4
        gap linear 10
    }
}

fn main() {
    let _ = Net::new(0);
}
