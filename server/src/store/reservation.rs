//! The table `reservation`: addresses that operators keep for a network card. Each has a row in `lease`, too,
//! which DHCP then gives to nobody else.

use std::net::Ipv4Addr;

use api::id::Mac;
use api::machine::Reservation;

use super::lease::{address, number};
use super::{Conn, Result, Store, of_ids, on, stored};

/// What is to be kept, where, and who said so.
#[derive(Clone, Debug)]
pub struct Keep {
    pub reservation: Reservation,
    pub network: String,
    pub who: String,
    pub now: i64,
}

impl Store {
    pub async fn reservation_of(&self, mac: Mac) -> Result<Option<Ipv4Addr>> {
        let sql = "SELECT address FROM reservation WHERE mac = $1";
        let row: Option<(i64,)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(mac.to_string()).fetch_optional(p).await)?;
        row.map(|(n,)| address(n)).transpose()
    }

    /// All with the name of who said so, in the order of their addresses.
    pub async fn reservations(&self) -> Result<Vec<(Reservation, String)>> {
        let sql = "SELECT mac, address, who FROM reservation WHERE address > $1 ORDER BY address";
        let rows: Vec<(String, i64, String)> =
            on!(self.read(), p => sqlx::query_as(sql).bind(-1_i64).fetch_all(p).await)?;
        rows.into_iter().map(|(mac, n, who)| Ok((reservation(&mac, n)?, who))).collect()
    }

    /// (machine, reservation) of these machines.
    pub async fn reservations_of(&self, ids: &[String]) -> Result<Vec<(String, Reservation)>> {
        let sql = "SELECT interface.machine, reservation.mac, reservation.address FROM interface \
                   JOIN reservation ON reservation.mac = interface.mac \
                   WHERE interface.machine IN ($1) ORDER BY interface.machine, reservation.address";
        let rows: Vec<(String, String, i64)> = of_ids!(self, sql, ids)?;
        rows.into_iter().map(|(machine, mac, n)| Ok((machine, reservation(&mac, n)?))).collect()
    }

    /// Keeps an address for a card, instead of the one kept before. False: another card has it.
    pub async fn reserve(&self, keep: Keep) -> Result<bool> {
        self.write(move |conn| Box::pin(async move { reserve(conn, &keep).await })).await
    }

    /// Gives an address back. `pooled`: to anyone. False: nothing was kept for this card.
    pub async fn unreserve(&self, kept: Reservation, pooled: bool) -> Result<bool> {
        self.write(move |conn| Box::pin(async move { unreserve(conn, kept, pooled).await })).await
    }
}

pub(super) async fn reserve(conn: &mut Conn, keep: &Keep) -> Result<bool> {
    let Keep { reservation: Reservation { mac, address }, network, who, now } = keep;
    let sql = "INSERT INTO reservation (mac, address, network, who, at) SELECT $1, CAST($2 AS BIGINT), $3, $4, CAST($5 AS BIGINT) \
               WHERE NOT EXISTS (SELECT 1 FROM reservation other WHERE other.address = $2 AND other.mac <> $1) \
               ON CONFLICT (mac) DO UPDATE SET address = excluded.address, network = excluded.network, \
               who = excluded.who, at = excluded.at";
    let rows = on!(conn, c => sqlx::query(sql).bind(mac.to_string()).bind(number(*address)).bind(network).bind(who)
        .bind(now).execute(&mut **c).await.map(|done| done.rows_affected()))?;
    // Whoever has it by a lease keeps it until that ends, and is then given another one.
    let sql = "INSERT INTO lease (address, network, pooled, mac, state, until) VALUES ($1, $2, FALSE, NULL, 'free', 0) \
               ON CONFLICT (address) DO UPDATE SET network = excluded.network, pooled = FALSE";
    if rows == 1 {
        on!(conn, c => sqlx::query(sql).bind(number(*address)).bind(network).execute(&mut **c).await.map(drop))?;
    }
    Ok(rows == 1)
}

async fn unreserve(conn: &mut Conn, kept: Reservation, pooled: bool) -> Result<bool> {
    let sql = "DELETE FROM reservation WHERE mac = $1 AND address = $2";
    let rows = on!(conn, c => sqlx::query(sql).bind(kept.mac.to_string()).bind(number(kept.address))
        .execute(&mut **c).await.map(|done| done.rows_affected()))?;
    let sql = "UPDATE lease SET pooled = $2 WHERE address = $1";
    if rows == 1 {
        on!(conn, c => sqlx::query(sql).bind(number(kept.address)).bind(pooled).execute(&mut **c).await.map(drop))?;
    }
    Ok(rows == 1)
}

/// After the site file has named its pools: what operators keep inside them is nobody else's.
pub(super) async fn keep_all(conn: &mut Conn) -> Result<()> {
    let sql = "INSERT INTO lease (address, network, pooled, mac, state, until) \
               SELECT address, network, FALSE, NULL, 'free', 0 FROM reservation WHERE address > -1 \
               ON CONFLICT (address) DO UPDATE SET pooled = FALSE";
    on!(conn, c => sqlx::query(sql).execute(&mut **c).await.map(drop))?;
    Ok(())
}

pub(super) fn reservation(mac: &str, n: i64) -> Result<Reservation> {
    Ok(Reservation { mac: stored("reservation.mac", mac)?, address: address(n)? })
}
