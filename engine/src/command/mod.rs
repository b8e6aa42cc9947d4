//! What a person types at the console, parsed, completed and commented: docker, and the tools of an image.

pub mod docker;
