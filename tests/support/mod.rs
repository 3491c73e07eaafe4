//! What the tests of the whole program share: scratch folders, the program itself, cases, comparing folders, random numbers.

pub mod asked;

pub mod cases;

pub mod choices;

pub mod folder;

pub mod jobs;

pub mod machine;

pub mod memory;

pub mod mounts;

pub mod program;

pub mod random;

pub mod report;
