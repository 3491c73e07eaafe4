//! `pivot`: the same outputs over groups for each of some values, where only the records with that value count.

use super::aggregate::{BoundAggregate, bind_keys, bind_output};
use super::binder::Binder;
use super::types::as_text;
use crate::error::{Diagnostic, Sql};
use crate::expr::node::{Comparison, Node, Value};
use crate::expr::{Expression, Scope};
use crate::record::DataType;

/// Binds the keys, and for each value of `on` the outputs. Values are compared by their text form.
pub fn bind_pivot(
    by: &[Sql],
    on: &Sql,
    columns: &[String],
    values: &[Sql],
    scope: &mut Scope,
) -> Result<BoundAggregate, Vec<Diagnostic>> {
    let groups = bind_keys(by, scope);
    let on = bind_on(on, scope);
    let (mut groups, on) = match (groups, on) {
        (Ok(groups), Ok(on)) => (groups, on),
        (groups, on) => {
            let errors = [groups.err(), on.err()];
            return Err(errors.into_iter().flatten().flatten().collect());
        }
    };
    let mut outputs: Vec<(String, Expression)> = Vec::new();
    for column in columns {
        let value = Node::Constant(Value::Text(column.as_bytes().into()), DataType::Text);
        let pair = Box::new([on.clone(), value]);
        groups.filter = Some(Node::Compare(Comparison::Equal, pair));
        let mut errors = Vec::new();
        for sql in values {
            match bind_output(sql, scope, &mut groups) {
                Ok((_, output)) if values.len() == 1 => outputs.push((column.clone(), output)),
                Ok((name, output)) => outputs.push((format!("{column}_{name}"), output)),
                Err(more) => errors.extend(more),
            }
        }
        // The other columns have the same errors.
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    Ok(groups.bound(outputs, None))
}

fn bind_on(sql: &Sql, scope: &mut Scope) -> Result<Node, Vec<Diagnostic>> {
    let mut binder = Binder::new(sql, scope);
    let bound = binder.whole().map(|typed| as_text(typed).node);
    binder.finish(bound)
}
