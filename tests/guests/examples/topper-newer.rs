//! A plugin built against a newer and larger package: more cases, more optional fields, and a
//! `delivery` with more fields. Fields that this host does not know are `none`.

wit_bindgen::generate!({
    world: "topper:webhooks/plugin@1.4.0",
    inline: "
        package topper:webhooks@1.4.0;

        interface handler {
            use hookyard:plugin/types@0.1.9.{delivery, failure};

            record onramp-event { id: string, bootstrap-token-id: option<string>, sent-at: option<string>, data: order }
            record order {
                id: string,
                status: string,
                risk: option<risk>,
                origin: side,
                destination: side,
                fees: list<fee>,
                promotions: option<list<string>>,
            }
            record risk { score: u32, rules: list<string> }
            record side { amount: string, asset: string, rate: option<string>, network: option<string>, memo: option<string> }
            record fee { amount: string, asset: string, %type: fee-type, waived: option<bool> }
            enum fee-type { network, deposit, partner, conversion }
            record chargeback-event { id: string, amount: string, deadline: string }

            variant event {
                crypto-onramp-quoted(onramp-event),
                crypto-onramp-committed(onramp-event),
                crypto-onramp-completed(onramp-event),
                crypto-onramp-charged-back(chargeback-event),
                maintenance,
                other(string),
            }

            handle: func(delivery: delivery, event: event) -> result<_, failure>;
        }

        world plugin { export handler; }

        package hookyard:plugin@0.1.9 {
            interface types {
                record delivery {
                    event-id: string,
                    tenant: string,
                    source: string,
                    provider: string,
                    event-type: option<string>,
                    key: string,
                    attempt: u32,
                    received-at: u64,
                    replay-of: option<string>,
                }
                variant failure { retry(retry), reject(string) }
                record retry { reason: string, after: option<u64> }
            }
        }
    ",
    generate_all,
});

use exports::topper::webhooks::handler::{Delivery, Event, Failure, FeeType, Guest, Order};

struct Newer;

impl Guest for Newer {
    fn handle(delivery: Delivery, event: Event) -> Result<(), Failure> {
        match event {
            Event::CryptoOnrampCompleted(event) => {
                println!(
                    "newer saw completed on attempt {}: event {} order {}",
                    delivery.attempt, event.id, event.data.id
                );
                println!(
                    "sent at {:?}, replay of {:?}",
                    event.sent_at, delivery.replay_of
                );
                tell(&event.data);
            }
            Event::Other(text) => println!("newer saw other: {text}"),
            _ => println!("newer saw another case"),
        }
        Ok(())
    }
}

fn tell(order: &Order) {
    println!(
        "{} {} for {} {}",
        order.origin.amount, order.origin.asset, order.destination.amount, order.destination.asset
    );
    println!(
        "network {:?}, memo {:?}",
        order.destination.network, order.destination.memo
    );
    println!(
        "risk known {}, promotions {:?}",
        order.risk.is_some(),
        order.promotions
    );
    for fee in &order.fees {
        let kind = match fee.type_ {
            FeeType::Network => "network",
            FeeType::Deposit => "deposit",
            FeeType::Partner => "partner",
            FeeType::Conversion => "conversion",
        };
        println!(
            "fee {} {} for {kind}, waived {:?}",
            fee.amount, fee.asset, fee.waived
        );
    }
}

export!(Newer);
