nnc::network! {
    use "no/such.nn"
    Net<4 -> 4> { linear 8 relu for i in 0..2.5 { linear 4 } }
}

fn main() {
    let _ = Net::new(0);
}
