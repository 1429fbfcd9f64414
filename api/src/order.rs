//! What comes with an operator's verb, for the verbs that need more than their name.

use serde::{Deserialize, Serialize};

use crate::wipe::WipeWish;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
/// A field that nobody knows is a wish that nobody would follow.
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// `assign`: the profile that it gets.
    pub profile: Option<String>,
    /// `rescue`: public keys that may log in, beside those of its profile.
    pub keys: Vec<String>,
    /// `wipe` and `retire`: which disks. Without `disks` those that the wish means now.
    pub wipe: WipeWish,
}
