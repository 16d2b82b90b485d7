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
    /// `use "path.nn"`
    Use(Use),
    /// `activation swish(x) = x*sigmoid(x)`
    Activation(Activation),
    /// `allow(lint, …)`, for the whole text.
    Allow(Allow),
}

/// `use "path.nn"`: the items of another file.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The word `use`.
    pub keyword: Span,
    /// The path, without its quotes and with its escapes resolved.
    pub path: Spanned<String>,
}

/// `activation name(x, beta = 1.0) = expression`: a function of each element.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Its name.
    pub name: Ident,
    /// The element first, then the arguments.
    pub params: Vec<Param>,
    /// What it computes.
    pub value: Expr,
}

/// `allow(lint, …)`: lints that are silent from here to the end of the braces around.
#[derive(Clone, Debug, PartialEq)]
pub struct Allow {
    /// The word `allow`.
    pub keyword: Span,
    /// Names of lints, such as `small-batch`, or their codes.
    pub lints: Vec<Ident>,
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
    /// The inputs, at least one; each has a name if there are several.
    pub inputs: Vec<Port>,
    /// The outputs, at least one; each has a name if there are several.
    pub outputs: Vec<Port>,
    /// `<in -> out>`.
    pub signature_span: Span,
    /// Its statements.
    pub body: Body,
}

/// An input or output of a network: `3x32x32` or `image: 3x32x32`
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name, if it has one.
    pub name: Option<Ident>,
    /// Shape of one sample.
    pub shape: Spanned<Vec<u64>>,
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
    /// `for name in [a, b, c] { … }` or `for name in a..b { … }`
    For {
        /// The word `for`.
        keyword: Span,
        /// The loop variable.
        name: Ident,
        /// Its values.
        values: LoopValues,
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
    /// `if (condition) { … } else if (condition) { … } else { … }`
    If {
        /// The word `if`.
        keyword: Span,
        /// The bodies with a condition, at least one, in order.
        arms: Vec<Arm>,
        /// The body after the last `else`.
        otherwise: Option<Body>,
    },
    /// `as name`: names the present value, or at the start of a body its input.
    As {
        /// The word `as`.
        keyword: Span,
        /// The name.
        name: Ident,
    },
    /// `from name`: goes on from a named value.
    From {
        /// The word `from`.
        keyword: Span,
        /// The name.
        name: Ident,
    },
    /// `shared name { … }`: declares a sub-network whose uses have the same weights.
    Shared {
        /// The word `shared`.
        keyword: Span,
        /// Its name.
        name: Ident,
        /// What it is.
        body: Body,
    },
    /// `with lr=0.1 init=orthogonal { … }`: settings for the words within.
    With {
        /// The word `with`.
        keyword: Span,
        /// The settings, at least one.
        settings: Vec<(Ident, Expr)>,
        /// The words.
        body: Body,
    },
    /// `allow(lint, …)`
    Allow(Allow),
    /// `concat a, b`: joins the present value with named ones, behind it in their order.
    JoinNamed {
        /// The word and its place.
        keyword: Spanned<JoinWord>,
        /// The names, at least one.
        names: Vec<Ident>,
    },
    /// `add { a | b }`, `concat { a | b }` or `mul { a | b }`
    Join {
        /// The word and its place.
        keyword: Spanned<JoinWord>,
        /// The branches, each the statements between two bars.
        branches: Vec<Body>,
        /// The braces and all between.
        span: Span,
    },
}

/// The values that the variable of a loop takes.
#[derive(Clone, Debug, PartialEq)]
pub enum LoopValues {
    /// `[a, b, c]`
    List(Vec<Expr>),
    /// `a..b`: the whole numbers from the first value on that are below the second.
    Range(Box<[Expr; 2]>),
}

/// A body of `if` with its condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Stands in parentheses.
    pub condition: Expr,
    /// What happens if it holds and none before it does.
    pub body: Body,
}

/// The words that join values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinWord {
    /// Element-wise sum.
    Add,
    /// Side by side along the channels.
    Concat,
    /// Element-wise product.
    Mul,
}

impl JoinWord {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            JoinWord::Add => "add",
            JoinWord::Concat => "concat",
            JoinWord::Mul => "mul",
        }
    }
}

/// A word with its arguments: `conv3 32 stride=2`.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The word.
    pub name: Ident,
    /// Arguments by position: a number, sides (`7x7`), a list, or an expression in parentheses.
    pub positional: Vec<Expr>,
    /// Arguments by name. The value may also be a name or a call (`init=constant(0.1)`), which is the
    /// argument's to understand.
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
    /// `not x`
    Not(Box<Expr>),
    /// `a + b` and so on.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `min(a, b)`
    Call(Ident, Vec<Expr>),
    /// `2x1` or `4x7x7`: several numbers as one argument, never within an expression.
    Sides(Vec<u64>),
    /// `[1, 2, 0.5]`: likewise.
    List(Vec<Expr>),
}

/// Infix operators; `*`, `/` and `%` bind tighter than `+` and `-`, which bind tighter than comparisons, then
/// `not`, `and` and `or`. Comparisons do not chain.
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
    /// `<=`
    LessEqual,
    /// `>=`
    GreaterEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `and`
    And,
    /// `or`
    Or,
}

/// `train Name { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    /// The network that it trains.
    pub name: Ident,
    /// Its settings in order.
    pub settings: Vec<Setting>,
    /// Its `allow(…)`s, each for the whole section.
    pub allows: Vec<Allow>,
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
    /// A number, a list or an expression in parentheses.
    Expr(Expr),
    /// `key=value`; the value may be any of these but another pair.
    Named(Ident, Box<SettingValue>),
}
