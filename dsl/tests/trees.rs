//! What the parser makes of a right text: binding of operators, ends of statements, places.

use nnc_dsl::Span;
use nnc_dsl::ast::{Expr, ExprKind, Item, Module, SettingValue, Statement, Word};
use nnc_dsl::syntax::{Entry, parse, parse_formula};

#[test]
fn operators_bind_as_in_arithmetic() {
    for (formula, tree) in [
        ("1 - 2 - 3", "((1 Sub 2) Sub 3)"),
        ("1 + 2 * 3 % 4", "(1 Add ((2 Mul 3) Rem 4))"),
        ("-a * b", "((Neg a) Mul b)"),
        ("--a", "(Neg (Neg a))"),
        ("a + 1 < 2 * b", "((a Add 1) Less (2 Mul b))"),
        ("(a + b) / c", "((a Add b) Div c)"),
        ("min(a, 2 > 1, max())", "min(a, (2 Greater 1), max())"),
        ("a-1", "(a Sub 1)"),
        ("a <= 1 and not b == 2 or c != d", "(((a LessEqual 1) And (Not (b Equal 2))) Or (c NotEqual d))"),
        ("a or b and c or d", "((a Or (b And c)) Or d)"),
        ("not not a >= -b", "(Not (Not (a GreaterEqual (Neg b))))"),
        ("in + repeat * max(block, notable)", "(in Add (repeat Mul max(block, notable)))"),
    ] {
        assert_eq!(shown(&parse_formula(formula).unwrap()), tree, "{formula}");
    }
}

fn shown(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Number(number) => number.to_string(),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Neg(inner) => format!("(Neg {})", shown(inner)),
        ExprKind::Not(inner) => format!("(Not {})", shown(inner)),
        ExprKind::Sides(sides) => format!("{sides:?}"),
        ExprKind::Binary(op, left, right) => format!("({} {op:?} {})", shown(left), shown(right)),
        ExprKind::Call(callee, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(shown).collect();
            format!("{}({})", callee.value, arguments.join(", "))
        }
        ExprKind::List(values) => format!("{:?}", values.iter().map(shown).collect::<Vec<_>>()),
    }
}

#[test]
fn statements_end_without_separators() {
    let text = "network N<3->3> { let a = b conv3 8 let c = -1 -> 4 let d = e - 1 f (g) stride=h k }";
    let statements = body(text);
    let kinds: Vec<String> = statements.iter().map(kind).collect();
    assert_eq!(kinds, ["let a", "conv3", "let c", "->", "let d", "f", "k"]);
}

fn kind(statement: &Statement) -> String {
    match statement {
        Statement::Let { name, .. } => format!("let {}", name.value),
        Statement::Word(word) => word.name.value.clone(),
        Statement::Assert(_) => "->".to_owned(),
        Statement::Repeat { .. } => "repeat".to_owned(),
        Statement::For { .. } => "for".to_owned(),
        Statement::Residual { .. } => "residual".to_owned(),
        Statement::Join { keyword, .. } => format!("{} {{}}", keyword.value.name()),
        Statement::JoinNamed { keyword, names } => {
            let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
            format!("{} {}", keyword.value.name(), names.join("+"))
        }
        Statement::If { arms, otherwise, .. } => format!("if {} {}", arms.len(), otherwise.is_some()),
        Statement::As { name, .. } => format!("as {}", name.value),
        Statement::From { name, .. } => format!("from {}", name.value),
        Statement::Shared { name, .. } => format!("shared {}", name.value),
        Statement::With { settings, .. } => format!("with {}", settings.len()),
        Statement::Allow(allow) => format!("allow {}", allow.lints.len()),
    }
}

#[test]
fn places_cover_exactly_what_they_name() {
    let text = "// é\nnetwork Net<3x4x5 -> 6> { conv3 (8 + 1) stride=-2 // c\n relu add { bn | relu } }";
    let place = |span: Span| &text[span.range()];
    let module = module(text);
    let Item::Network(network) = &module.items[0] else { panic!("a network") };
    assert_eq!(place(network.signature_span), "<3x4x5 -> 6>");
    assert_eq!(
        (place(network.inputs[0].shape.span), &network.inputs[0].shape.value[..]),
        ("3x4x5", &[3, 4, 5][..])
    );
    assert_eq!(place(network.body.span), &text[text.find('{').unwrap()..]);
    let [Statement::Word(Word { name, positional, named, span }), Statement::Word(relu), join] =
        &network.body.statements[..]
    else {
        panic!("three statements")
    };
    assert_eq!(place(*span), "conv3 (8 + 1) stride=-2");
    assert_eq!((place(name.span), place(positional[0].span)), ("conv3", "(8 + 1)"));
    assert_eq!((place(named[0].0.span), place(named[0].1.span)), ("stride", "-2"));
    assert_eq!(place(relu.span), "relu");
    let Statement::Join { branches, span, .. } = join else { panic!("a join") };
    assert_eq!(place(*span), "{ bn | relu }");
    let branches: Vec<&str> = branches.iter().map(|branch| place(branch.span)).collect();
    assert_eq!(branches, ["bn", "relu"]);
}

#[test]
fn settings_begin_at_their_keys() {
    let text = r#"train N { data csv "a" target="b" augment flip crop=4 batch 1 epoch 2 seed 3 }"#;
    let module = module(text);
    let Item::Train(train) = &module.items[0] else { panic!("a train section") };
    let keys: Vec<&str> = train.settings.iter().map(|setting| setting.key.value.as_str()).collect();
    assert_eq!(keys, ["data", "augment", "batch", "epoch", "seed"]);
    assert!(matches!(&train.settings[0].values[1], SettingValue::Text(path) if path.value == "a"));
    assert!(matches!(&train.settings[1].values[1], SettingValue::Named(key, _) if key.value == "crop"));
}

#[test]
fn macro_entry_takes_the_short_forms() {
    let (module, diagnostics) = parse("pub Net(w = 1)<3 -> 3> { relu } block b { }", Entry::Macro);
    assert_eq!((module.items.len(), diagnostics.len()), (2, 0));
    let (module, diagnostics) = parse("<3 -> 3> relu repeat 2 { bn }", Entry::Macro);
    assert!(diagnostics.is_empty());
    let [Item::Network(network)] = &module.items[..] else { panic!("a network") };
    assert_eq!((network.name.as_ref(), network.body.statements.len()), (None, 2));
    let (module, diagnostics) = parse("Net<3 -> 3> { relu }", Entry::File);
    assert_eq!((module.items.len(), diagnostics.len()), (0, 1));
}

fn module(text: &str) -> Module {
    let (module, diagnostics) = parse(text, Entry::File);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    module
}

fn body(text: &str) -> Vec<Statement> {
    let items = module(text).items;
    let Some(Item::Network(network)) = items.into_iter().next() else { panic!("a network") };
    network.body.statements
}
