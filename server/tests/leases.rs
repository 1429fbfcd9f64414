//! The table `lease` on SQLite and PostgreSQL: who gets which address, what survives, what never happens twice.

mod database;
mod postgres;

use std::collections::HashSet;
use std::net::Ipv4Addr;

use api::id::Mac;
use database::{Database, sqlite};
use postgres::Postgres;
use server::store::lease::{Addresses, Lease, LeaseState, Wish};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

struct Leases {
    database: Database,
}

#[tokio::test]
async fn on_sqlite() {
    one_machine_keeps_one_address(sqlite().await.into()).await;
    the_address_that_is_free_the_longest_goes_first(sqlite().await.into()).await;
    a_lease_is_nobody_elses(sqlite().await.into()).await;
    a_declined_address_rests(sqlite().await.into()).await;
    a_reservation_wins_and_moves_the_machine(sqlite().await.into()).await;
    an_empty_database_believes_the_machines(sqlite().await.into()).await;
    a_rack_that_powers_on_gets_as_many_addresses(sqlite().await.into()).await;
}

#[tokio::test]
async fn on_postgres() {
    let server = Postgres::start();
    one_machine_keeps_one_address(database::postgres(&server, "a").await.into()).await;
    the_address_that_is_free_the_longest_goes_first(database::postgres(&server, "b").await.into()).await;
    a_lease_is_nobody_elses(database::postgres(&server, "c").await.into()).await;
    a_declined_address_rests(database::postgres(&server, "d").await.into()).await;
    a_reservation_wins_and_moves_the_machine(database::postgres(&server, "e").await.into()).await;
    an_empty_database_believes_the_machines(database::postgres(&server, "f").await.into()).await;
    a_rack_that_powers_on_gets_as_many_addresses(database::postgres(&server, "g").await.into()).await;
}

impl From<Database> for Leases {
    fn from(database: Database) -> Leases {
        Leases { database }
    }
}

fn addresses(pool: std::ops::RangeInclusive<u8>, reserved: &[u8]) -> Addresses {
    Addresses {
        network: "rack".into(),
        pools: vec![(ip(*pool.start()), ip(*pool.end()))],
        reserved: reserved.iter().copied().map(ip).collect(),
        excluded: vec![ip(1)],
    }
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn mac(last: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, last])
}

fn wish(who: u8, now: i64) -> Wish {
    Wish { mac: mac(who), network: "rack".into(), reserved: None, remembered: None, now }
}

impl Leases {
    async fn pool(&self, pool: std::ops::RangeInclusive<u8>) {
        self.database.store.lease_site(vec![addresses(pool, &[])]).await.unwrap();
    }

    async fn offer(&self, wish: Wish) -> Option<Ipv4Addr> {
        self.database.store.lease_offer(wish).await.unwrap().map(|lease| lease.address)
    }

    async fn take(&self, who: u8, address: Ipv4Addr, now: i64) -> bool {
        self.database.store.lease_commit(mac(who), address, now + HOUR, now).await.unwrap()
    }

    async fn at(&self, address: Ipv4Addr) -> Lease {
        self.database.store.lease_by_ip(address).await.unwrap().unwrap()
    }
}

async fn one_machine_keeps_one_address(leases: Leases) {
    leases.pool(100..=101).await;
    assert_eq!(leases.offer(wish(1, SECOND)).await, Some(ip(100)));
    assert_eq!(leases.offer(wish(1, SECOND)).await, Some(ip(100)), "asked twice, told the same");
    assert!(leases.take(1, ip(100), 2 * SECOND).await);
    assert_eq!(leases.offer(wish(1, 3 * SECOND)).await, Some(ip(100)), "another loader asks");
    assert_eq!(leases.offer(wish(1, 100 * HOUR)).await, Some(ip(100)), "switched off for days");
    let lease = leases.at(ip(100)).await;
    assert_eq!((lease.mac, lease.state), (Some(mac(1)), LeaseState::Offered));
}

async fn the_address_that_is_free_the_longest_goes_first(leases: Leases) {
    leases.pool(100..=102).await;
    for who in [1, 2, 3] {
        let address = leases.offer(wish(who, SECOND)).await.unwrap();
        assert!(leases.take(who, address, SECOND).await);
    }
    assert_eq!(leases.offer(wish(4, 2 * SECOND)).await, None, "all taken");
    leases.database.store.lease_release(mac(2), ip(101), 3 * SECOND).await.unwrap();
    leases.database.store.lease_release(mac(1), ip(100), 4 * SECOND).await.unwrap();
    assert_eq!(leases.offer(wish(4, 5 * SECOND)).await, Some(ip(101)));
    assert_eq!(leases.offer(wish(1, 5 * SECOND)).await, Some(ip(100)), "its own, although released");
    assert_eq!(leases.offer(wish(2, 5 * SECOND)).await, None, "its own went to another");
    assert_eq!(leases.offer(wish(2, 2 * HOUR)).await, Some(ip(100)), "offers that nobody took ended first");
}

async fn a_lease_is_nobody_elses(leases: Leases) {
    leases.pool(100..=100).await;
    leases.offer(wish(1, SECOND)).await;
    assert!(!leases.take(2, ip(100), SECOND).await, "offered to another");
    assert!(leases.take(1, ip(100), SECOND).await);
    assert!(!leases.take(2, ip(100), 2 * SECOND).await);
    leases.database.store.lease_release(mac(2), ip(100), 2 * SECOND).await.unwrap();
    leases.database.store.lease_decline(mac(2), ip(100), 2 * SECOND).await.unwrap();
    assert_eq!(leases.at(ip(100)).await.state, LeaseState::Leased, "only its holder ends it");
    assert!(leases.take(2, ip(100), 2 * HOUR).await, "it ended");
    assert!(!leases.take(2, ip(7), SECOND).await, "no address of this site");
}

async fn a_declined_address_rests(leases: Leases) {
    leases.pool(100..=101).await;
    leases.offer(wish(1, SECOND)).await;
    leases.database.store.lease_decline(mac(1), ip(100), SECOND).await.unwrap();
    assert_eq!(leases.offer(wish(1, 2 * SECOND)).await, Some(ip(101)));
    assert_eq!(leases.offer(wish(2, 2 * SECOND)).await, None);
    assert_eq!(leases.offer(wish(2, 2 * HOUR)).await, Some(ip(101)), "an old offer before an old conflict");
}

async fn a_reservation_wins_and_moves_the_machine(leases: Leases) {
    leases.pool(100..=102).await;
    leases.offer(wish(1, SECOND)).await;
    assert!(leases.take(1, ip(100), SECOND).await);
    leases.database.store.lease_site(vec![addresses(100..=102, &[10, 101])]).await.unwrap();
    assert_eq!(leases.offer(wish(2, SECOND)).await, Some(ip(102)), "101 is kept for another");
    let reserved = Wish { reserved: Some(ip(10)), ..wish(1, 2 * SECOND) };
    assert_eq!(leases.offer(reserved.clone()).await, Some(ip(10)));
    assert!(leases.take(1, ip(10), 2 * SECOND).await);
    assert_eq!(leases.at(ip(100)).await.state, LeaseState::Free);
    assert_eq!(leases.offer(Wish { now: 3 * SECOND, ..reserved }).await, Some(ip(10)));
    let without = wish(1, 4 * SECOND);
    assert_eq!(leases.offer(without).await, Some(ip(100)), "the reservation is gone from the site file");
}

async fn an_empty_database_believes_the_machines(leases: Leases) {
    leases.pool(100..=199).await;
    let remembers = |who, address| Wish { remembered: Some(address), ..wish(who, SECOND) };
    assert_eq!(leases.offer(remembers(1, ip(150))).await, Some(ip(150)));
    assert_eq!(leases.offer(remembers(2, ip(150))).await, Some(ip(100)), "one of them");
    assert_eq!(leases.offer(remembers(3, ip(1))).await, Some(ip(101)), "never the server's own");
    assert_eq!(leases.offer(remembers(4, ip(7))).await, Some(ip(102)), "nor what is in no pool");
}

async fn a_rack_that_powers_on_gets_as_many_addresses(leases: Leases) {
    leases.pool(1..=250).await;
    let mut asks = tokio::task::JoinSet::new();
    for who in 0..249 {
        let store = leases.database.store.clone();
        asks.spawn(async move {
            let address = store.lease_offer(wish(who, SECOND)).await.unwrap().unwrap().address;
            assert!(store.lease_commit(mac(who), address, HOUR, SECOND).await.unwrap());
            address
        });
    }
    let mut given = HashSet::new();
    while let Some(address) = asks.join_next().await {
        assert!(given.insert(address.unwrap()), "given once");
    }
    assert!(!given.contains(&ip(1)));
    assert_eq!(leases.offer(wish(255, SECOND)).await, None);
    let page = leases.database.store.lease_list(Some(ip(10)), 5).await.unwrap();
    assert_eq!(page.iter().map(|lease| lease.address).collect::<Vec<_>>(), [11, 12, 13, 14, 15].map(ip));
}
