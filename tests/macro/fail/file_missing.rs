nnc::network!("no/such/file.nn");

fn main() {}
