//! The typed tree: what binding makes of SQL and what evaluation runs.
//!
//! Coercions are explicit nodes, so operands of a node already have the types that it works on.

use super::evaluate::like::Pattern;
use super::function::{Function, PreparedCall};
use crate::record::{DataType, Element, Interval, Slot};

/// An expression whose types are settled.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// The literal `NULL` before its place gave it a type. Coerced away by the end of binding.
    Null,
    /// A column of the batch.
    Column(Slot, DataType),
    /// The same value in every row.
    Constant(Value, DataType),
    /// A comparison of two operands of one type; NULL if either is NULL.
    Compare(Comparison, Box<[Node; 2]>),
    /// `IS DISTINCT FROM` (true) or `IS NOT DISTINCT FROM` (false) of two operands of one type.
    Distinct(bool, Box<[Node; 2]>),
    /// Whether an operand equals one of the members, all of its type.
    In(Box<Node>, Vec<Node>),
    /// `AND` of booleans.
    And(Vec<Node>),
    /// `OR` of booleans.
    Or(Vec<Node>),
    /// `NOT` of a boolean.
    Not(Box<Node>),
    /// `IS NULL`, `IS TRUE`, `IS FALSE`.
    Is(Truth, Box<Node>),
    /// `LIKE` with a constant pattern.
    Like(Pattern, Box<Node>),
    /// `LIKE` with a computed pattern: text, pattern, escape character, whether case is ignored.
    LikeComputed(Box<[Node; 2]>, Option<char>, bool),
    /// The result of the first branch whose condition is true, or else the last node. All of one type.
    Case(Vec<(Node, Node)>, Box<Node>),
    /// The first operand that is not NULL. All of one type.
    Coalesce(Vec<Node>),
    /// Arithmetic on two bigints, two doubles or two decimals; the type is that of the result.
    Arithmetic(Arithmetic, Box<[Node; 2]>, DataType),
    /// Unary minus.
    Negate(Box<Node>),
    /// A conversion: implicit or with `CAST`.
    Cast(Conversion, Box<Node>, DataType),
    /// `TRY`: a fault becomes NULL.
    Try(Box<Node>),
    /// A function of the registry; the type is that of the result.
    Call(&'static Function, Vec<Node>, DataType),
    /// A function that prepared something from its constant arguments.
    Prepared(PreparedCall, Vec<Node>, DataType),
}

/// One value, or none.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Bigint(i64),
    /// A decimal in units of its scale.
    Decimal(i128, u8),
    /// A double.
    Double(f64),
    /// A text.
    Text(Box<[u8]>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00:00.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Timestamptz(i64),
    /// A stretch of time.
    Interval(Interval),
    /// The source text of a JSON value.
    Json(Box<[u8]>),
    /// The text of a list.
    List(Box<[u8]>, Element),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What `IS` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// `IS NULL`
    Null,
    /// `IS TRUE`
    True,
    /// `IS FALSE`
    False,
}

/// A binary operator on numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`, on doubles only
    Divide,
    /// `//`, on bigints only
    IntegerDivide,
    /// `%`
    Remainder,
}

/// What a conversion puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// The place asks for a type: nothing may be lost, and a JSON value must be of the matching kind.
    Implicit,
    /// `CAST`: texts are read, digits are rounded; what does not fit is a fault.
    Explicit,
    /// `TRY_CAST`: what does not fit is NULL.
    Try,
}

impl Node {
    /// The type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Node::Null => DataType::Text,
            Node::Column(_, data_type)
            | Node::Constant(_, data_type)
            | Node::Arithmetic(_, _, data_type)
            | Node::Cast(_, _, data_type)
            | Node::Call(_, _, data_type)
            | Node::Prepared(_, _, data_type) => *data_type,
            Node::Compare(..)
            | Node::Distinct(..)
            | Node::In(..)
            | Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::Is(..)
            | Node::Like(..)
            | Node::LikeComputed(..) => DataType::Boolean,
            Node::Case(_, otherwise) => otherwise.data_type(),
            Node::Coalesce(operands) => operands.first().map_or(DataType::Text, Node::data_type),
            Node::Negate(operand) | Node::Try(operand) => operand.data_type(),
        }
    }

    /// The nodes right below.
    pub fn children(&self) -> Vec<&Node> {
        match self {
            Node::Null | Node::Column(..) | Node::Constant(..) => Vec::new(),
            Node::Compare(_, pair)
            | Node::Distinct(_, pair)
            | Node::LikeComputed(pair, ..)
            | Node::Arithmetic(_, pair, _) => pair.iter().collect(),
            Node::In(operand, members) => std::iter::once(&**operand).chain(members).collect(),
            Node::And(nodes)
            | Node::Or(nodes)
            | Node::Coalesce(nodes)
            | Node::Call(_, nodes, _)
            | Node::Prepared(_, nodes, _) => nodes.iter().collect(),
            Node::Not(operand)
            | Node::Is(_, operand)
            | Node::Like(_, operand)
            | Node::Negate(operand)
            | Node::Cast(_, operand, _)
            | Node::Try(operand) => vec![operand],
            Node::Case(branches, otherwise) => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
        }
    }

    /// Shows this node and all below it.
    pub fn visit(&self, see: &mut impl FnMut(&Node)) {
        see(self);
        for child in self.children() {
            child.visit(see);
        }
    }

    /// The value, where the node is a constant (or the literal `NULL`).
    pub fn constant(&self) -> Option<&Value> {
        match self {
            Node::Null => Some(&Value::Null),
            Node::Constant(value, _) => Some(value),
            _ => None,
        }
    }
}

impl Comparison {
    /// The same comparison with its sides exchanged.
    pub fn flipped(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }
}

impl Arithmetic {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::IntegerDivide => "//",
            Arithmetic::Remainder => "%",
        }
    }
}
