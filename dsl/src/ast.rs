//! The syntax tree: the text's structure with a span on every part.
//!
//! Names are not resolved and nothing is evaluated: a [`Word`] may be a layer, a block or a
//! spelling mistake. Statements that the parser could not read are missing here; the parser
//! has reported them.

use crate::diagnostic::Span;

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// An identifier with its place.
pub type Ident = Spanned<String>;

/// A whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// The items in order.
    pub items: Vec<Item>,
}

/// A top-level item.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `block name(params) { … }`
    Block(Block),
    /// `network Name(params)<in -> out> { … }`, or the macro's short forms.
    Network(Network),
    /// `train Name { … }`
    Train(Train),
}

/// `block name(params) { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its statements.
    pub body: Body,
}

/// `pub network Name(params)<in -> out> { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Whether `pub` stands before it.
    pub public: bool,
    /// Its name; none in the macro's expression form.
    pub name: Option<Ident>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Shape of an input sample.
    pub input: Spanned<Vec<u64>>,
    /// Shape of an output sample.
    pub output: Spanned<Vec<u64>>,
    /// `<in -> out>`.
    pub signature_span: Span,
    /// Its statements.
    pub body: Body,
}

/// `name` or `name = default`
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// The value if none is given.
    pub default: Option<Expr>,
}

/// Statements between braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The statements in order.
    pub statements: Vec<Statement>,
    /// The braces and all between.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// A layer or a block with its arguments.
    Word(Word),
    /// `-> 128x4x4`: the shape that must have been reached. The span holds the arrow.
    Assert(Spanned<Vec<u64>>),
    /// `let name = value`
    Let {
        /// The name.
        name: Ident,
        /// The value.
        value: Expr,
    },
    /// `repeat n { … }`
    Repeat {
        /// The word `repeat`.
        keyword: Span,
        /// How many times.
        count: Expr,
        /// What.
        body: Body,
    },
    /// `for name in [a, b, c] { … }`
    For {
        /// The word `for`.
        keyword: Span,
        /// The loop variable.
        name: Ident,
        /// Its values.
        values: Vec<Expr>,
        /// What.
        body: Body,
    },
    /// `residual { … }` or `residual { … } shortcut { … }`
    Residual {
        /// The word `residual`.
        keyword: Span,
        /// The main branch.
        body: Body,
        /// The other branch; the identity if there is none.
        shortcut: Option<Body>,
    },
    /// `add { a | b }` or `concat { a | b }`
    Join {
        /// The word and its place.
        keyword: Spanned<JoinWord>,
        /// The branches, each the statements between two bars.
        branches: Vec<Body>,
        /// The braces and all between.
        span: Span,
    },
}

/// The words that join branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinWord {
    /// Element-wise sum.
    Add,
    /// Side by side along the channels.
    Concat,
}

/// A word with its arguments: `conv3 32 stride=2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The word.
    pub name: Ident,
    /// Arguments by position: a number, or an expression in parentheses.
    pub positional: Vec<Expr>,
    /// Arguments by name.
    pub named: Vec<(Ident, Expr)>,
    /// From the word to its last argument.
    pub span: Span,
}

/// An arithmetic expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, with its parentheses where it has any.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A name.
    Name(String),
    /// `-x`
    Neg(Box<Expr>),
    /// `a + b` and so on.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `min(a, b)`
    Call(Ident, Vec<Expr>),
}

/// Infix operators; `*`, `/` and `%` bind tighter than `+` and `-`, which bind tighter than comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `<`
    Less,
    /// `>`
    Greater,
}

/// `train Name { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The network that it trains.
    pub name: Ident,
    /// Its settings in order.
    pub settings: Vec<Setting>,
}

/// A setting of `train`: a key, then bare words, strings, numbers and `key=value` pairs, as in
/// `data cifar10 "path"`, `augment flip crop=4`, `optimizer sgd lr=0.1`, `batch 128`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: Ident,
    /// The values in order.
    pub values: Vec<SettingValue>,
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A bare word.
    Word(Ident),
    /// A string, without its quotes and with its escapes resolved.
    Text(Spanned<String>),
    /// A number or an expression in parentheses.
    Expr(Expr),
    /// `key=value`; the value may be a number, a word or a string.
    Named(Ident, Box<SettingValue>),
}
