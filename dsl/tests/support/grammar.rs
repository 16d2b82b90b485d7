//! Texts made by the grammar: their syntax is mostly right, their meaning mostly not.

use nnc_dsl::words::WORDS;

use crate::random::Random;

/// A few names, so that they meet.
const NAMES: [&str; 8] = ["a", "b", "c", "N", "x", "width", "channels", "se"];

const NUMBERS: [&str; 14] =
    ["0", "1", "2", "3", "4", "7", "8", "16", "64", "0.5", "1e-3", "1000", "100000", "99999999999"];

/// How deep braces and parentheses nest here; deeper texts are made by repeating pieces.
const DEPTH: usize = 4;

/// A whole text.
pub(crate) fn text(random: &mut Random) -> String {
    let mut writer = Writer { text: String::new(), random };
    for _ in 0..writer.random.below(3) {
        writer.definition();
    }
    writer.network();
    if writer.random.below(2) == 0 {
        writer.train();
    }
    writer.text
}

struct Writer<'r> {
    text: String,
    random: &'r mut Random,
}

impl Writer<'_> {
    fn put(&mut self, word: &str) {
        self.text.push_str(word);
        self.text.push(' ');
    }

    fn put_one(&mut self, words: &[&str]) {
        let word = self.random.choose(words);
        self.put(word);
    }

    fn name(&mut self) {
        self.put_one(&NAMES);
    }

    fn number(&mut self) {
        self.put_one(&NUMBERS);
    }

    fn shape(&mut self) {
        const SHAPES: [&str; 10] = [
            "4",
            "8",
            "10",
            "3x8x8",
            "16x8x8",
            "8x4x4",
            "4x16",
            "2x4x4x4",
            "1x99999999999",
            "1000x1000x1000",
        ];
        self.put_one(&SHAPES);
    }

    fn definition(&mut self) {
        match self.random.below(3) {
            0 => {
                self.put("activation");
                self.name();
                self.put("( x, b = 1 ) =");
                self.expression(0);
            }
            _ => {
                self.put("block");
                self.name();
                self.parameters();
                self.body(1);
            }
        }
    }

    fn parameters(&mut self) {
        self.put("(");
        for _ in 0..self.random.below(3) {
            self.name();
            if self.random.below(3) > 0 {
                self.put("=");
                self.expression(2);
            }
            self.put(",");
        }
        self.put(")");
    }

    fn network(&mut self) {
        self.put("network N");
        if self.random.below(2) == 0 {
            self.parameters();
        }
        self.put("<");
        self.ports();
        self.put("->");
        self.ports();
        self.put(">");
        self.body(0);
    }

    fn ports(&mut self) {
        match self.random.below(4) {
            0 => {
                for _ in 0..=self.random.below(2) {
                    self.name();
                    self.put(":");
                    self.shape();
                    self.put(",");
                }
            }
            _ => self.shape(),
        }
    }

    fn body(&mut self, depth: usize) {
        self.put("{");
        self.statements(depth);
        self.put("}");
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..self.random.below(5) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: usize) {
        let kinds = if depth < DEPTH { 18 } else { 12 };
        match self.random.below(kinds) {
            8 => self.named("as"),
            9 => self.named("from"),
            10 => {
                self.put("->");
                self.shape();
            }
            11 => {
                self.named("let");
                self.put("=");
                self.expression(1);
            }
            12 => {
                self.put("repeat (");
                self.expression(2);
                self.put(")");
                self.body(depth + 1);
            }
            13 => {
                self.named("for");
                self.put("in [1, 2,");
                self.expression(2);
                self.put("]");
                self.body(depth + 1);
            }
            14 => self.condition(depth),
            15 => {
                self.put("residual");
                self.body(depth + 1);
                if self.random.below(2) == 0 {
                    self.put("shortcut");
                    self.body(depth + 1);
                }
            }
            16 => self.join(depth),
            17 => {
                self.put_one(&["shared a", "with lr=0.1", "with frozen=true bias=true"]);
                self.body(depth + 1);
            }
            _ => self.word(),
        }
    }

    fn named(&mut self, keyword: &str) {
        self.put(keyword);
        self.name();
    }

    fn condition(&mut self, depth: usize) {
        self.put("if (");
        self.expression(1);
        self.put(")");
        self.body(depth + 1);
        if self.random.below(2) == 0 {
            self.put("else");
            self.body(depth + 1);
        }
    }

    fn join(&mut self, depth: usize) {
        self.put_one(&["add", "concat", "mul"]);
        if self.random.below(3) == 0 {
            return self.name();
        }
        self.put("{");
        for _ in 0..=self.random.below(3) {
            self.statements(depth + 1);
            self.put("|");
        }
        self.statements(depth + 1);
        self.put("}");
    }

    fn word(&mut self) {
        let row = self.random.choose(WORDS);
        match self.random.below(8) {
            0 => self.name(),
            1..=3 => {
                let window = *self.random.choose(&["", "1", "2", "3", "3x1", "7"]);
                self.put(&format!("{}{window}", row.name));
            }
            _ => self.put(row.name),
        }
        for _ in 0..self.random.below(3) {
            self.argument();
        }
        for _ in 0..self.random.below(3) {
            let Some(argument) = row.arguments.get(self.random.below(row.arguments.len().max(1))) else {
                break;
            };
            self.put(&format!("{}=", argument.name));
            self.value();
        }
    }

    fn argument(&mut self) {
        match self.random.below(4) {
            0 => {
                self.put("(");
                self.expression(1);
                self.put(")");
            }
            1 => self.put("[1, 0, 2]"),
            _ => self.number(),
        }
    }

    fn value(&mut self) {
        match self.random.below(4) {
            0 => self.put_one(&["true", "false", "nearest", "bilinear", "he_normal", "2x1", "constant(0)"]),
            _ => self.argument(),
        }
    }

    fn expression(&mut self, depth: usize) {
        if depth >= DEPTH || self.random.below(3) == 0 {
            return if self.random.below(2) == 0 { self.name() } else { self.number() };
        }
        const CALLS: [&str; 7] = ["min", "max", "floor", "sigmoid", "sqrt", "select", "exp"];
        match self.random.below(4) {
            0 => {
                let call = *self.random.choose(&CALLS);
                self.put(&format!("{call}("));
                self.expression(depth + 1);
                self.put(",");
                self.expression(depth + 1);
                self.put(")");
            }
            1 => {
                self.put("not -");
                self.expression(depth + 1);
            }
            _ => {
                self.put("(");
                self.expression(depth + 1);
                self.put_one(&["+", "-", "*", "/", "%", "<", ">=", "==", "!=", "and", "or"]);
                self.expression(depth + 1);
                self.put(")");
            }
        }
    }

    fn train(&mut self) {
        const SETTINGS: [&str; 14] = [
            "data",
            "cifar10",
            "\"a\"",
            "loss",
            "cross_entropy",
            "mse",
            "optimizer",
            "sgd",
            "adam",
            "lr=0.1",
            "batch",
            "epochs",
            "schedule",
            "class_weights=[1, 2]",
        ];
        self.put("train N {");
        for _ in 0..self.random.below(10) {
            match self.random.below(4) {
                0 => self.argument(),
                _ => {
                    self.put_one(&SETTINGS);
                }
            }
        }
        self.put("}");
    }
}
