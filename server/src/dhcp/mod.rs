//! DHCP, in the order a packet meets it: `decode` → `firmware` (who asks) → `answer` (pure) →
//! `encode` → `wire` (send). `serve` is the only file here with a socket, a clock or a store.

pub mod answer;
pub mod decode;
pub mod encode;
pub mod firmware;
pub mod packet;
