//! The walk over the syntax tree.
//!
//! Binding a part gives `None` once its error is noted, so that the parts beside it are still looked at.

use super::aggregate::Groups;
use super::window::Window;
use crate::error::{Diagnostic, Sql};
use crate::expr::function::BIT_NOT;
use crate::expr::node::{Node, Truth};
use crate::expr::parse::Source;
use crate::expr::{Scope, evaluate};
use crate::record::DataType;
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use std::ops::Range;

/// How deep a tree may be: chains of operators nest to the left without any parentheses.
const DEPTH_MAX: usize = 200;

/// One expression on its way to a node.
pub struct Binder<'b, 'a> {
    /// What names mean.
    pub scope: &'b mut Scope<'a>,
    /// The text.
    pub source: Source<'b>,
    /// Keys and calls, where the expression is one over groups.
    pub groups: Option<Groups>,
    /// Window calls, where the expression is one over the records of a key.
    pub window: Option<Window>,
    errors: Vec<Diagnostic>,
    depth: usize,
}

/// A bound part and where it stands in the text.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The part.
    pub node: Node,
    /// Bytes of the text.
    pub place: Range<usize>,
}

impl<'b, 'a> Binder<'b, 'a> {
    /// Starts on a text.
    pub fn new(sql: &'b Sql, scope: &'b mut Scope<'a>) -> Self {
        Binder {
            scope,
            source: Source { sql },
            groups: None,
            window: None,
            errors: Vec::new(),
            depth: 0,
        }
    }

    /// The value, or else what is wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Diagnostic>> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }

    /// Notes a problem.
    pub fn report<T>(&mut self, problem: Diagnostic) -> Option<T> {
        self.errors.push(problem);
        None
    }

    /// Notes a problem without a hint.
    pub fn fail<T>(&mut self, place: &Range<usize>, message: &str, label: &str) -> Option<T> {
        let problem = self.source.diagnostic(place, message).with_label(label);
        self.report(problem)
    }

    /// Notes a problem with what to write instead.
    pub fn fail_with_hint<T>(
        &mut self,
        place: &Range<usize>,
        message: &str,
        label: &str,
        hint: &str,
    ) -> Option<T> {
        let problem = self.source.diagnostic(place, message).with_label(label);
        self.report(problem.with_hint(hint))
    }

    /// The SQL text of a part.
    pub fn text(&self, place: &Range<usize>) -> &'b str {
        let sql: &'b Sql = self.source.sql;
        sql.text.get(place.clone()).unwrap_or_default()
    }

    /// The whole text as one expression.
    pub fn whole(&mut self) -> Option<Typed> {
        match self.source.expression() {
            Ok(ast) => self.expression(&ast).map(|typed| self.settled(typed)),
            Err(error) => self.report(error),
        }
    }

    /// A part that is an output by itself: an untyped NULL becomes a text.
    pub fn settled(&self, typed: Typed) -> Typed {
        match typed.node {
            Node::Null => Typed {
                node: Node::Constant(super::super::node::Value::Null, DataType::Text),
                ..typed
            },
            _ => typed,
        }
    }

    /// Binds a part.
    pub fn expression(&mut self, ast: &Expr) -> Option<Typed> {
        let place = self.source.expression_range(ast);
        if self.depth == DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} operators in a row");
            let hint = "write a long chain of comparisons as IN (...)";
            return self.fail_with_hint(&place, &message, "", hint);
        }
        self.depth += 1;
        let node = match self.group_key(ast) {
            Some(node) => Some(node),
            None => self.node(ast, &place),
        };
        self.depth -= 1;
        node.map(|node| Typed { node: folded(node), place })
    }

    /// Binds a part, and leaves it as it is where it could be computed at once.
    #[cfg(test)]
    pub fn unfolded(&mut self, ast: &Expr) -> Option<Node> {
        let place = self.source.expression_range(ast);
        self.node(ast, &place)
    }

    fn node(&mut self, ast: &Expr, place: &Range<usize>) -> Option<Node> {
        match ast {
            Expr::Nested(inner) => self.expression(inner).map(|typed| typed.node),
            Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::CompoundFieldAccess { .. } => self.name(ast, place),
            Expr::Array(array) => self.list(&array.elem, place),
            Expr::Value(value) => self.literal(&value.value, place),
            Expr::TypedString(typed) => self.typed_literal(typed, place),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, place),
            Expr::BinaryOp { left, op, right } => match op {
                BinaryOperator::And | BinaryOperator::Or => self.chain(ast, op),
                _ => self.binary(left, op, right, place),
            },
            Expr::IsNull(inner) => self.is(Truth::Null, inner, Polarity::Plain),
            Expr::IsNotNull(inner) => self.is(Truth::Null, inner, Polarity::Negated),
            Expr::IsUnknown(inner) => self.is_unknown(inner, Polarity::Plain),
            Expr::IsNotUnknown(inner) => self.is_unknown(inner, Polarity::Negated),
            Expr::IsTrue(inner) => self.is(Truth::True, inner, Polarity::Plain),
            Expr::IsNotTrue(inner) => self.is(Truth::True, inner, Polarity::Negated),
            Expr::IsFalse(inner) => self.is(Truth::False, inner, Polarity::Plain),
            Expr::IsNotFalse(inner) => self.is(Truth::False, inner, Polarity::Negated),
            Expr::IsDistinctFrom(left, right) => self.distinct(true, left, right),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(false, left, right),
            Expr::InList { expr, list, negated } => {
                self.in_list(expr, list, Polarity::of(*negated))
            }
            Expr::Between { expr, negated, low, high } => {
                self.between(expr, low, high, Polarity::of(*negated))
            }
            Expr::Like { .. } | Expr::ILike { .. } => self.like(ast),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), place)
            }
            Expr::Cast { .. } => self.cast(ast, place),
            Expr::Interval(interval) => self.interval(interval, place),
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.at_time_zone(timestamp, time_zone, place)
            }
            _ => self.call_syntax(ast, place),
        }
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr, place: &Range<usize>) -> Option<Node> {
        match op {
            UnaryOperator::Not => {
                let typed = self.expression(inner)?;
                let typed = self.condition(typed)?;
                Some(Node::Not(Box::new(typed.node)))
            }
            UnaryOperator::Minus => match self.negative_literal(inner) {
                Some(node) => Some(node),
                None => {
                    let typed = self.expression(inner)?;
                    if typed.node.data_type() == DataType::Interval {
                        return Some(self.negated_interval(typed));
                    }
                    let typed = self.number(typed)?;
                    Some(Node::Negate(Box::new(typed.node)))
                }
            },
            UnaryOperator::Plus => {
                let typed = self.expression(inner)?;
                self.number(typed).map(|typed| typed.node)
            }
            UnaryOperator::BitwiseNot => {
                let typed = self.expression(inner)?;
                self.build(&BIT_NOT, vec![typed], place)
            }
            _ => self.fail(place, &format!("operator `{op}` is not supported"), ""),
        }
    }
}

/// Whether a test is as written or turned round with `NOT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// As written.
    Plain,
    /// With `NOT`.
    Negated,
}

impl Polarity {
    /// From the parser's flag.
    pub fn of(is_negated: bool) -> Polarity {
        if is_negated { Polarity::Negated } else { Polarity::Plain }
    }

    /// The test, turned round where it is negated.
    pub fn apply(self, node: Node) -> Node {
        match self {
            Polarity::Plain => node,
            Polarity::Negated => Node::Not(Box::new(node)),
        }
    }
}

/// A node of constants becomes a constant, unless computing it fails: then it fails row by row, where it is needed.
pub fn folded(node: Node) -> Node {
    let is_leaf = matches!(node, Node::Null | Node::Constant(..) | Node::Column(..));
    if is_leaf || !is_constant(&node) {
        return node;
    }
    match evaluate::constant_value(&node) {
        Some(value) => Node::Constant(value, node.data_type()),
        None => node,
    }
}

fn is_constant(node: &Node) -> bool {
    node.children().iter().all(|child| child.constant().is_some())
}
