//! `cargo bench … -- [WORDS] [--threads N] [--rounds N] [--isa NAME]`.

use nnc_kernels::cpu::{Isa, Pool};

/// What the command line asks for.
pub(crate) struct Options {
    /// Only what contains one of them is measured; everything if there are none.
    words: Vec<String>,
    /// Threads of the kernels.
    pub(crate) threads: usize,
    /// Turns of each task.
    pub(crate) rounds: usize,
    /// Instruction set of the kernels.
    pub(crate) isa: Isa,
}

impl Options {
    /// Reads the command line. Where cargo runs benchmarks as tests, one turn shows that they work.
    pub(crate) fn read(rounds: usize) -> Result<Options, String> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let is_bench = arguments.iter().any(|argument| argument == "--bench");
        let rounds = if is_bench { rounds } else { 1 };
        let mut options =
            Options { words: Vec::new(), threads: Pool::default_threads(), rounds, isa: Isa::detect() };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` takes a value"));
            match argument.as_str() {
                "--bench" => {}
                "--threads" => options.threads = number(&value()?)?,
                "--rounds" => options.rounds = number(&value()?)?,
                "--isa" => options.isa = isa(&value()?)?,
                word if word.starts_with('-') => return Err(format!("`{word}` is not known")),
                _ => options.words.push(argument),
            }
        }
        Ok(options)
    }

    /// Whether something with this name is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("expected a number from 1 on, found `{text}`")),
    }
}

fn isa(name: &str) -> Result<Isa, String> {
    let available = Isa::available();
    let found = available.iter().find(|isa| isa.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
        format!("`{name}` is not among the instruction sets of this processor: {}", names.join(", "))
    })
}
