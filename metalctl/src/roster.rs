//! The list of machines as a CSV file: from what spreadsheets write to rows, every mistake with its line; and
//! from machines to a file that can be read again. Pure.

mod column;

use std::str::FromStr;

use api::bmc::DriverKind;
use api::import::{ImportRow, Problem};
use api::label::{Labels, joined, label};
use api::machine::Machine;
use api::power::{BmcInUse, BmcView};
use csv::{ReaderBuilder, StringRecord, Trim, WriterBuilder};

use self::column::Column;
pub use self::column::Mapping;

/// All rows of the file, or all that is wrong with it.
pub fn read(text: &str, mappings: &[Mapping]) -> Result<Vec<ImportRow>, Vec<Problem>> {
    // Spreadsheets begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let headers = reader.headers().cloned().unwrap_or_default();
    let columns = columns(&headers, mappings)?;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = lines.of(error.position());
                problems.push(Problem::new(line, format!("it cannot be read: {error}")));
                continue;
            }
        };
        // Rows that were emptied leave their commas behind.
        if record.iter().all(str::is_empty) {
            continue;
        }
        match row(&record, lines.of(record.position()), &columns) {
            Ok(row) => rows.push(row),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// Where commas are decimal points, spreadsheets separate by semicolons.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |byte: &u8| header.bytes().filter(|b| b == byte).count();
    // Of equals the last: a header of one column has none of them.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

fn columns(headers: &StringRecord, mappings: &[Mapping]) -> Result<Vec<Column>, Vec<Problem>> {
    let (mut columns, mut problems) = (Vec::new(), Vec::new());
    for header in headers {
        let mapped = mappings.iter().find(|mapping| mapping.header.eq_ignore_ascii_case(header));
        match mapped.map_or_else(|| header.parse(), |mapping| Ok(mapping.column)) {
            Ok(column) if column != Column::Ignore && columns.contains(&column) => {
                let message =
                    format!("the column `{header}` is there twice; --map \"{header}=ignore\" leaves one out");
                problems.push(Problem::new(1, message));
            }
            Ok(column) => columns.push(column),
            Err(error) => {
                let message = format!("{error}; --map \"{header}=COLUMN\" says what it is");
                problems.push(Problem::new(1, message));
            }
        }
    }
    let known = |header: &&Mapping| headers.iter().any(|h| h.eq_ignore_ascii_case(&header.header));
    for mapping in mappings.iter().filter(|mapping| !known(mapping)) {
        problems.push(Problem::new(1, format!("there is no column `{}` to map", mapping.header)));
    }
    if problems.is_empty() && !columns.contains(&Column::Mac) {
        problems.push(Problem::new(1, "no column is `mac`: without it no machine can be told from another"));
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

/// Counts lines. The reader places a record where the one before it ended, which may be lines above.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(self.at, |position| position.byte() as usize);
        let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let skipped = self.text.iter().skip(start).take_while(|byte| blank(byte)).count();
        let before = self.text.iter().take(start + skipped).skip(self.at);
        self.line += before.filter(|byte| **byte == b'\n').count() as u64;
        self.at = self.at.max(start + skipped);
        self.line
    }
}

fn row(record: &StringRecord, line: u64, columns: &[Column]) -> Result<ImportRow, Vec<Problem>> {
    if record.len() != columns.len() {
        let message = format!("it has {} fields, the header has {}", record.len(), columns.len());
        return Err(vec![Problem::new(line, message)]);
    }
    let (mut row, mut problems) = (ImportRow { line, ..ImportRow::default() }, Vec::new());
    for (column, field) in columns.iter().zip(record).filter(|(_, field)| !field.is_empty()) {
        if let Err(message) = take(&mut row, *column, field) {
            problems.push(Problem::new(line, message));
        }
    }
    if problems.is_empty() { Ok(row) } else { Err(problems) }
}

fn take(row: &mut ImportRow, column: Column, field: &str) -> Result<(), String> {
    let unit = |_| format!("`{field}` is no rack unit such as 7");
    match column {
        Column::Hostname => row.hostname = Some(parsed(field)?),
        Column::Mac => row.macs = several(field).map(parsed).collect::<Result<_, _>>()?,
        Column::Address => {
            row.address = Some(field.parse().map_err(|_| format!("`{field}` is no IPv4 address"))?);
        }
        Column::Switch => row.switch = Some(field.into()),
        Column::Port => row.port = Some(field.into()),
        Column::Rack => row.rack = Some(field.into()),
        Column::Position => {
            row.unit = Some(field.trim_start_matches(['U', 'u']).parse().map_err(unit)?);
        }
        Column::Profile => row.profile = Some(field.into()),
        Column::Labels => row.labels = Some(labels(field)?),
        Column::Bmc => row.bmc = Some(field.into()),
        Column::BmcDriver => row.bmc_driver = Some(parsed(&field.to_ascii_lowercase())?),
        Column::BmcUser => row.bmc_user = Some(field.into()),
        Column::Ignore => {}
    }
    Ok(())
}

fn labels(field: &str) -> Result<Labels, String> {
    let mut labels = Labels::new();
    for text in several(field) {
        let (key, value) = label(text).map_err(|e| e.to_string())?;
        if labels.insert(key.clone(), value).is_some() {
            return Err(format!("the label `{key}` is there twice"));
        }
    }
    Ok(labels)
}

/// A cell that holds more than one, by whatever stands between them.
fn several(field: &str) -> impl Iterator<Item = &str> {
    field.split([';', ',', ' ', '\n']).filter(|part| !part.is_empty())
}

fn parsed<T: FromStr<Err = api::id::ParseError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: api::id::ParseError| error.to_string())
}

/// One row a machine; [`read`] makes the same of it again. No secret is in it.
pub fn write(machines: &[Machine], bmcs: &[BmcView]) -> Result<String, csv::Error> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(Column::ALL.map(|column| column.names()[0]))?;
    for machine in machines {
        let bmc = bmcs.iter().find(|bmc| bmc.machine == machine.id).and_then(|bmc| bmc.in_use.as_ref());
        // A command is a set's of the site file, which a list cannot name.
        let bmc = bmc.filter(|bmc| bmc.power.driver != DriverKind::Command);
        writer.write_record(Column::ALL.map(|column| cell(machine, bmc, column)))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cell(machine: &Machine, bmc: Option<&BmcInUse>, column: Column) -> String {
    let (position, uplink) = (machine.position.as_ref(), machine.uplink.as_ref());
    match column {
        Column::Hostname => machine.hostname.as_ref().map(ToString::to_string).unwrap_or_default(),
        Column::Mac => {
            // The card with the reservation is the one that it is read back for: it goes first.
            let mut macs = machine.interfaces.clone();
            macs.sort_by_key(|mac| machine.reserved.is_none_or(|reserved| reserved.mac != *mac));
            macs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        Column::Address => machine.reserved.map(|reserved| reserved.address.to_string()).unwrap_or_default(),
        Column::Switch => uplink.map(|uplink| uplink.switch.clone()).unwrap_or_default(),
        Column::Port => uplink.map(|uplink| uplink.port.clone()).unwrap_or_default(),
        Column::Rack => position.map(|position| position.rack.clone()).unwrap_or_default(),
        Column::Position => position.map(|position| position.unit.to_string()).unwrap_or_default(),
        Column::Profile => machine.profile.clone().unwrap_or_default(),
        Column::Labels => joined(&machine.labels),
        Column::Bmc => bmc.map(|bmc| bmc.power.address.clone()).unwrap_or_default(),
        Column::BmcDriver => bmc.map(|bmc| bmc.power.driver.to_string()).unwrap_or_default(),
        Column::BmcUser => bmc.map(|bmc| bmc.user.clone()).unwrap_or_default(),
        Column::Ignore => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, map: &[&str]) -> Vec<String> {
        let mappings: Vec<Mapping> = map.iter().map(|text| text.parse().unwrap()).collect();
        let found = read(text, &mappings).expect_err(text);
        found.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_spreadsheet_is_read_as_it_comes() {
        let text = "\u{feff}Node;MAC address;IP-Address;TOR;Switch port;Cabinet;U;Tags;Bought\r\n\
                    node01;52-54-00-AB-CD-01;10.77.0.11;sw1;Eth1/7;A;U7;zone=a,gpu;2019\r\n\
                    ;;;;;;;;\r\n\
                    node02;5254.00ab.cd02 525400abcd03;;;;;;;\r\n";
        let mapping = "bought=ignore".parse().unwrap();
        let rows = read(text, &[mapping]).unwrap();
        assert_eq!(rows.len(), 2);
        let first = ImportRow {
            line: 2,
            hostname: Some("node01".parse().unwrap()),
            macs: vec!["52:54:00:ab:cd:01".parse().unwrap()],
            address: Some("10.77.0.11".parse().unwrap()),
            switch: Some("sw1".into()),
            port: Some("Eth1/7".into()),
            rack: Some("A".into()),
            unit: Some(7),
            profile: None,
            labels: Some([("zone".into(), "a".into()), ("gpu".into(), String::new())].into()),
            ..ImportRow::default()
        };
        assert_eq!(rows[0], first);
        assert_eq!((rows[1].line, rows[1].macs.len(), rows[1].address), (4, 2, None));
    }

    #[test]
    fn headers_that_nobody_knows_are_told_all_at_once() {
        let found = problems("host,mac,IP,ipv4,Asset tag\n", &["colour=ignore"]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("`ipv4` is there twice"), "{found:?}");
        assert!(found[1].starts_with("line 1: `Asset tag` is none of hostname, mac,"), "{found:?}");
        assert_eq!(found[2], "line 1: there is no column `colour` to map");
        assert!(problems("", &[])[0].contains("no column is `mac`"));
        assert!("Asset tag=purse".parse::<Mapping>().is_err() && "mac".parse::<Mapping>().is_err());
    }

    #[test]
    fn a_bmc_comes_with_its_driver_and_user_and_never_with_a_password() {
        let text = "mac,iDRAC,BMC driver,BMC user\n52:54:00:00:00:01,10.0.0.7,IPMI,metald\n\
                    52:54:00:00:00:02,,wake-on-lan,\n";
        let rows = read(text, &[]).unwrap();
        let first = ImportRow {
            line: 2,
            macs: vec!["52:54:00:00:00:01".parse().unwrap()],
            bmc: Some("10.0.0.7".into()),
            bmc_driver: Some(DriverKind::Ipmi),
            bmc_user: Some("metald".into()),
            ..ImportRow::default()
        };
        assert_eq!(rows[0], first);
        assert_eq!((rows[1].bmc_driver, &rows[1].bmc), (Some(DriverKind::WakeOnLan), &None));
        let found = problems("mac,bmc,bmc driver\n52:54:00:00:00:01,10.0.0.7,ilo\n", &[]);
        assert_eq!(found, ["line 2: `ilo` is not redfish, ipmi, wake-on-lan or command"]);
        let found = problems("mac,BMC password\n", &[]);
        assert!(found[0].starts_with("line 1: `BMC password` is none of"), "{found:?}");
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let text = "hostname,mac,address,position,labels\n\
                    node01,52:54:00:00:00:01,10.77.0.11,7,zone=a\n\
                    node02,52:54:00:00:00:02,10.77.0.12\n\
                    \n\
                    Node03,52:54:00,10.77.0.256,top,zone=a zone=b\n\
                    node04,52:54:00:00:00:04,,,a=b=c,more\n";
        let found = problems(text, &[]);
        assert_eq!(
            found,
            [
                "line 3: it has 3 fields, the header has 5",
                "line 5: `Node03` is not a host name: 1 to 63 of a-z, 0-9 and inner dashes",
                "line 5: `52:54:00` is not an Ethernet address such as 52:54:00:12:34:56",
                "line 5: `10.77.0.256` is no IPv4 address",
                "line 5: `top` is no rack unit such as 7",
                "line 5: the label `zone` is there twice",
                "line 6: it has 6 fields, the header has 5",
            ]
        );
    }
}
