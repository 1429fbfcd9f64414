//! The columns of a list, and the many names that spreadsheets have for them. Pure.

use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Hostname,
    Mac,
    Address,
    Switch,
    Port,
    Rack,
    Position,
    Profile,
    Labels,
    Bmc,
    BmcDriver,
    BmcUser,
    /// Not ours to read.
    Ignore,
}

impl Column {
    /// In the order of an export.
    pub const ALL: [Column; 12] = [
        Column::Hostname,
        Column::Mac,
        Column::Address,
        Column::Switch,
        Column::Port,
        Column::Rack,
        Column::Position,
        Column::Profile,
        Column::Labels,
        Column::Bmc,
        Column::BmcDriver,
        Column::BmcUser,
    ];

    /// Its own name in front, then what other lists call it. Case, spaces and punctuation do not count.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Column::Hostname => &["hostname", "host", "name", "node", "server"],
            Column::Mac => &["mac", "macs", "macaddress", "macaddresses", "ethernet", "hwaddr", "bootmac"],
            Column::Address => &["address", "ip", "ipaddress", "ipv4", "ipv4address"],
            Column::Switch => &["switch", "switchname", "tor"],
            Column::Port => &["port", "switchport"],
            Column::Rack => &["rack", "cabinet"],
            Column::Position => &["position", "unit", "u", "ru", "rackunit", "rackposition"],
            Column::Profile => &["profile"],
            Column::Labels => &["labels", "label", "tags"],
            Column::Bmc => {
                &["bmc", "bmcaddress", "bmcip", "ipmi", "ipmiaddress", "ipmiip", "idrac", "ilo", "xcc"]
            }
            Column::BmcDriver => &["bmcdriver", "driver", "bmctype"],
            Column::BmcUser => &["bmcuser", "bmcusername", "ipmiuser"],
            Column::Ignore => &["ignore"],
        }
    }
}

impl FromStr for Column {
    type Err = String;
    fn from_str(text: &str) -> Result<Column, String> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        let all = Column::ALL.into_iter().chain([Column::Ignore]);
        let found = all.into_iter().find(|column| column.names().contains(&plain.as_str()));
        found.ok_or_else(|| {
            let names = Column::ALL.map(|column| column.names()[0]).join(", ");
            format!("`{text}` is none of {names}, ignore")
        })
    }
}

/// A header of the file and the column that it is: `--map "Asset tag=ignore"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub header: String,
    pub column: Column,
}

impl FromStr for Mapping {
    type Err = String;
    fn from_str(text: &str) -> Result<Mapping, String> {
        let (header, column) = text.rsplit_once('=').ok_or("write it as HEADER=COLUMN")?;
        Ok(Mapping { header: header.trim().into(), column: column.parse()? })
    }
}
