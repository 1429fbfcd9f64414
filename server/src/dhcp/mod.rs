//! DHCP, in the order a packet meets it: `decode` → `firmware` (who asks) → `answer` (pure) →
//! `encode` → `link` (send). `serve` is where they meet a socket, a clock and the store.

pub mod answer;
pub mod decode;
pub mod encode;
pub mod firmware;
pub mod link;
pub mod packet;
pub mod serve;
pub mod sighting;
