nnc::network! {
    pub Net<3x32x32 -> 10> {
        conv3 16 relu pool2
        gap linear 100
    }
}

fn main() {
    let _ = Net::new(0);
}
