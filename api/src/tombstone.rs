//! What is still known of a machine that was deleted.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{Hostname, Mac, MachineId};
use crate::state::State;
use crate::words::moment;

/// Whoever has one of its ports is recorded, and let in by a person only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tombstone {
    pub machine: MachineId,
    pub hostname: Option<Hostname>,
    pub interfaces: Vec<Mac>,
    pub serial: String,
    pub profile: Option<String>,
    /// The state that it was deleted in.
    pub state: State,
    pub generation: i64,
    /// The generation whose OS may still be on its disk; 0 when none.
    pub installed: i64,
    /// Microseconds since 1970.
    pub at: i64,
    pub who: String,
}

impl fmt::Display for Tombstone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.hostname.as_ref().map_or(&*self.machine.0, |hostname| hostname.as_str());
        let Tombstone { who, generation, .. } = self;
        write!(f, "it was {name}, deleted {} by {who} in generation {generation}", moment(self.at))
    }
}
