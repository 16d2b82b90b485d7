nnc::network! {
    block stage(c) { conv3 (c) unit (c) }
    block unit(c) { bn relu stage (c) }
    
    Net<3x32x32 -> 10> {
        stage 16
        gap linear 10
    }
}

fn main() {
    let _ = Net::new(0);
}
