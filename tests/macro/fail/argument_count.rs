nnc::network! {
    Net<3x32x32 -> 10> {
        conv3 16 2 bn relu
        gap linear 10
    }
}

fn main() {
    let _ = Net::new(0);
}
