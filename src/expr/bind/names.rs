//! Identifiers and JSON paths; what was meant where a name is not known.

use super::binder::Binder;
use crate::expr::node::Node;
use crate::record::{DataType, Field, JsonPath, PathStep, Rest};
use sqlparser::ast::{AccessExpr, Expr, Ident, Subscript, Value};
use std::ops::Range;

/// How many names a message lists.
const NAMES_LISTED_MAX: usize = 8;

impl Binder<'_, '_> {
    /// A field of the layout, or a path into the JSON record.
    pub fn name(&mut self, ast: &Expr, place: &Range<usize>) -> Option<Node> {
        let Some(path) = path_of(ast) else {
            if let Expr::CompoundFieldAccess { root, access_chain } = ast {
                return self.access(root, access_chain, place);
            }
            let message = "not a column or a path";
            return self.fail(place, message, "a path is made of names and [0] or ['key']");
        };
        let [PathStep::Key(first), rest @ ..] = &*path.0 else {
            return self.fail(place, "not a column or a path", "");
        };
        if let Some(node) = self.group_column(first, rest, place) {
            return node;
        }
        let layout = self.scope.layout;
        match (layout.find(first), rest, layout.rest) {
            (Some(field), [], _) => Some(Node::Column(field.slot, field.data_type)),
            (Some(Field { data_type: DataType::List(_) | DataType::Json, .. }), _, _)
                if let Expr::CompoundFieldAccess { root, access_chain } = ast =>
            {
                self.access(root, access_chain, place)
            }
            (None, _, Rest::Json) if layout.is_left_out(first) => self.left_out(first, place),
            (None, _, Rest::Json) => {
                let path = self.scope.slots.flat(path);
                let slot = self.scope.slots.json_path(&path);
                Some(Node::Column(slot, self.scope.slots.info(slot).data_type))
            }
            (Some(field), _, _) => {
                let message = format!("`{}` has no parts", field.name);
                self.fail(place, &message, &format!("`{}` is {}", field.name, field.data_type))
            }
            (None, _, Rest::Closed) => self.unknown_column(&path.to_string(), place),
        }
    }

    /// The name of a field for `EXCLUDE` and `REPLACE`.
    pub fn field_name(&mut self, name: &str, place: &Range<usize>) -> Option<String> {
        match (self.scope.layout.find(name), self.scope.layout.rest) {
            (Some(field), _) => Some(field.name.clone()),
            (None, Rest::Json) if self.scope.layout.is_left_out(name) => self.left_out(name, place),
            (None, Rest::Json) => Some(name.to_string()),
            (None, Rest::Closed) => self.unknown_column(name, place),
        }
    }

    /// The name of an item without alias: the column's, a path's last key, else its text.
    pub fn default_name(&self, ast: &Expr) -> String {
        let mut inner = ast;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let Some(path) = path_of(inner) else {
            return self.source.sql.text.trim().to_string();
        };
        let keys = path.0.iter().rev().find_map(|step| match step {
            PathStep::Key(key) => Some(key.clone()),
            PathStep::Index(_) => None,
        });
        let name = keys.unwrap_or_default();
        match (self.scope.layout.find(&name), &*path.0) {
            (Some(field), [_]) => field.name.clone(),
            _ => name,
        }
    }

    fn left_out<T>(&mut self, name: &str, place: &Range<usize>) -> Option<T> {
        let message = format!("`{name}` is not there any more in {}", self.scope.context);
        self.fail(place, &message, "a step before takes it out of the record")
    }

    fn unknown_column<T>(&mut self, name: &str, place: &Range<usize>) -> Option<T> {
        let message = format!("unknown column `{name}` in {}", self.scope.context);
        let mut names: Vec<&str> = Vec::new();
        names.extend(self.scope.layout.fields.iter().map(|field| &*field.name));
        let label = match names.len() {
            0 => "there are no columns".to_string(),
            count if count > NAMES_LISTED_MAX => {
                format!("columns are: {}, ...", names[..NAMES_LISTED_MAX].join(", "))
            }
            _ => format!("columns are: {}", names.join(", ")),
        };
        let meant = closest(name, names.into_iter()).map(str::to_string);
        let problem = self.source.diagnostic(place, message).with_label(label);
        let is_quoted = self.text(place).starts_with('"');
        match meant {
            Some(meant) => self.report(problem.with_hint(format!("did you mean `{meant}`?"))),
            None if is_quoted => {
                let quoted = name.replace('\'', "''");
                self.report(problem.with_hint(format!(
                    "double quotes are for names; write a text in single quotes: '{quoted}'"
                )))
            }
            None => self.report(problem),
        }
    }
}

/// The most similar of some names, where one is similar enough to be a slip of the finger.
pub fn closest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let bound = (name.chars().count() / 3).max(1);
    names
        .map(|known| (edit_distance(&name, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Insertions, deletions, replacements and exchanges of neighbours that make one text of another.
fn edit_distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, character) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(character != other);
            let mut best = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            let is_exchange =
                row > 0 && column > 0 && left[row - 1] == *other && right[column - 1] == *character;
            if is_exchange {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

/// A name or a path as written; `None` for anything else.
fn path_of(ast: &Expr) -> Option<JsonPath> {
    let key = |ident: &Ident| PathStep::Key(ident.value.clone());
    match ast {
        Expr::Identifier(ident) => Some(JsonPath(vec![key(ident)])),
        Expr::CompoundIdentifier(idents) => Some(JsonPath(idents.iter().map(key).collect())),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let mut path = path_of(root)?;
            for access in access_chain {
                path.0.push(match access {
                    AccessExpr::Dot(Expr::Identifier(ident)) => key(ident),
                    AccessExpr::Subscript(Subscript::Index { index }) => subscript(index)?,
                    AccessExpr::Dot(_) | AccessExpr::Subscript(_) => return None,
                });
            }
            Some(path)
        }
        _ => None,
    }
}

fn subscript(index: &Expr) -> Option<PathStep> {
    match index {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(PathStep::Index(digits.parse().ok()?)),
            Value::SingleQuotedString(name) => Some(PathStep::Key(name.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let names = ["id", "amount", "status", "day"];
        let check = |name, expected| assert_eq!(closest(name, names.into_iter()), expected);
        check("amout", Some("amount"));
        check("Amonut", Some("amount"));
        check("sttaus", Some("status"));
        check("di", Some("id"));
        check("price", None);
    }
}
