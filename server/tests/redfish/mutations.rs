//! Vendors' trees with anything anywhere: no question panics, and each comes to an end.

use api::bmc::PowerAction;
use proptest::prelude::*;
use serde_json::{Value, json};
use server::bmc::redfish::{Identity, Tree, ask, places};

use crate::trees::{Documents, VENDORS, documents, walk};

/// What is put where something else was.
fn anything() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        "\\PC{0,40}".prop_map(|text| json!(text)),
        Just(json!("/redfish/v1/")),
        Just(json!({"@odata.id": "/redfish/v1/Systems"})),
        Just(json!("1e999")),
        Just(json!("0000000000000000000000000000000é")),
    ];
    plain.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[A-Z][a-z]{0,6}|@odata.id|Members", inner, 0..4)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

/// One thing that is wrong: which document, how deep, what happens there.
#[derive(Clone, Debug)]
enum Wrong {
    Replaced(Value),
    Removed,
    /// Leads to another document of the same tree, which may lead back.
    Linked(prop::sample::Index),
}

fn wrong() -> impl Strategy<Value = (prop::sample::Index, Vec<prop::sample::Index>, Wrong)> {
    let kind = prop_oneof![
        3 => anything().prop_map(Wrong::Replaced),
        1 => Just(Wrong::Removed),
        3 => any::<prop::sample::Index>().prop_map(Wrong::Linked),
    ];
    (any::<prop::sample::Index>(), prop::collection::vec(any::<prop::sample::Index>(), 0..5), kind)
}

fn spoil(documents: &mut Documents, at: &prop::sample::Index, way: &[prop::sample::Index], wrong: &Wrong) {
    let paths: Vec<String> = documents.keys().cloned().collect();
    let document = documents.get_mut(&paths[at.index(paths.len())]).unwrap();
    let target = match wrong {
        Wrong::Linked(to) => json!({"@odata.id": paths[to.index(paths.len())]}),
        Wrong::Replaced(value) => value.clone(),
        Wrong::Removed => Value::Null,
    };
    *inside(document, way) = target;
}

fn inside<'a>(value: &'a mut Value, way: &[prop::sample::Index]) -> &'a mut Value {
    let Some((step, rest)) = way.split_first() else { return value };
    let inner = match value {
        Value::Object(fields) if !fields.is_empty() => fields.len(),
        Value::Array(items) if !items.is_empty() => items.len(),
        _ => return value,
    };
    let inner = match value {
        Value::Object(fields) => fields.values_mut().nth(step.index(inner)).unwrap(),
        other => &mut other[step.index(inner)],
    };
    inside(inner, rest)
}

/// More than the intact trees have in all.
const MOST: usize = 400;

fn ask_all(documents: &Documents) {
    let (found, read) = walk(documents, |tree| places(tree, &Identity::default()));
    assert!(read < MOST, "{read} documents to find the places");
    let Ok(places) = found else { return };
    let bounded = |read: usize| assert!(read < MOST, "{read} documents for one question");
    bounded(walk(documents, |tree| ask::hardware(tree, &places)).1);
    bounded(walk(documents, |tree| Ok(ask::sensors(tree, &places))).1);
    bounded(walk(documents, |tree| Ok(ask::draw(tree, &places))).1);
    bounded(walk(documents, |tree| Ok(ask::log(tree, &places))).1);
    bounded(walk(documents, |tree| ask::boot(tree, &places)).1);
    for action in [PowerAction::On, PowerAction::Shutdown, PowerAction::Off, PowerAction::Cycle] {
        let reset = |tree: &Tree| ask::reset(tree, tree.need(&places.system)?, action);
        let (way, read) = walk(documents, reset);
        bounded(read);
        let graceful = action == PowerAction::Shutdown;
        assert!(!graceful || !format!("{way:?}").contains("\"ForceOff\""), "a graceful wish: {way:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn anything_anywhere_is_survived(
        vendor in prop::sample::select(&VENDORS[..]),
        wrongs in prop::collection::vec(wrong(), 1..12),
    ) {
        let mut documents = documents(vendor);
        for (at, way, wrong) in &wrongs {
            spoil(&mut documents, at, way, wrong);
        }
        ask_all(&documents);
    }
}

#[test]
fn pages_without_end_come_to_one() {
    let mut documents = documents("dell");
    let collection = "/redfish/v1/Systems/System.Embedded.1/Memory";
    documents.get_mut(collection).unwrap()["Members@odata.nextLink"] = json!(format!("{collection}?0"));
    for page in 0..5_000 {
        let member = json!({"Name": "DIMM", "CapacityMiB": 1, "SerialNumber": page.to_string()});
        let next = format!("{collection}?{}", page + 1);
        documents
            .insert(format!("{collection}?{page}"), json!({"Members": [member], "@odata.nextLink": next}));
    }
    ask_all(&documents);
}
