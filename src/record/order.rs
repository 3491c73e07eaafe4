//! How values are put in order: which way, and where those without a value go.

/// The order of one column among those that records are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// Which way.
    pub direction: Direction,
    /// Where NULL goes; the direction does not matter for it.
    pub nulls: Nulls,
}

/// Which values come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The smallest.
    #[default]
    Ascending,
    /// The greatest.
    Descending,
}

/// Where rows without a value come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nulls {
    /// Before all others.
    First,
    /// Behind all others.
    #[default]
    Last,
}
