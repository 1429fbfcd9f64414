//! Whether the parts of a site fit together.

use super::{Finding, Site};

impl Site {
    pub fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}
