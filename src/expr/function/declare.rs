//! Short ways to write a function down.

use super::{Body, Function, FunctionDoc, Parameter};

/// What most functions make of NULL.
pub const STRICT: &str = "NULL where an argument is NULL";

/// A function of a family that takes just its parameters, from its name, signature, doc, example and result.
pub const fn declare(
    family: &'static str,
    [name, signature, doc, example, result]: [&'static str; 5],
    parameters: &'static [Parameter],
    body: Body,
) -> Function {
    Function {
        doc: FunctionDoc { name, family, signature, doc, nulls: STRICT, example, result },
        aliases: &[],
        parameters,
        required: parameters.len(),
        repeats: false,
        body,
    }
}
