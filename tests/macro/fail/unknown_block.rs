nnc::network! {
    block unit(c) { conv3 (c) bn relu }
    
    Net<3x32x32 -> 10> {
        unit 16
        encoder 16
        gap linear 10
    }
}

fn main() {
    let _ = Net::new(0);
}
