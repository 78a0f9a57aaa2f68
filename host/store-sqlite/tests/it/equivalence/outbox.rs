//! The same test for messages.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Delivery, DeliveryResult, DestinationRef, Message, MessageId, Next};
use hookyard_store::{
    ClaimedMessage, DisabledDestination, LeaseToken, MessageLease, MessagePage, MessageReplay,
    MessageRequest, MessageSelection, MessageSettlement, Outbox, Retention, RetentionLimits,
};
use uuid::Uuid;

use super::{Pair, summary};

fn destination(number: usize) -> DestinationRef {
    let name = ["shop", "bank"][number];
    DestinationRef {
        tenant: "acme".parse().expect("a name"),
        name: name.parse().expect("a name"),
    }
}

fn id(number: u128) -> MessageId {
    // The ids do not follow the order of commits.
    MessageId::from_uuid(Uuid::from_u128(number ^ 5))
}

/// Returns the claimed messages as a text, without their tokens, which differ between stores.
fn untokened(claimed: &[ClaimedMessage]) -> String {
    let message = |message: &ClaimedMessage| ClaimedMessage {
        lease: MessageLease {
            token: LeaseToken::from_u128(0),
            ..message.lease.clone()
        },
        ..message.clone()
    };
    format!("{:#?}", claimed.iter().map(message).collect::<Vec<_>>())
}

impl Pair {
    pub(super) fn message(&mut self) -> Message {
        self.messages += 1;
        Message {
            id: id(self.messages),
            destination: destination(self.random.below(2) as usize).name,
            event_type: self
                .random
                .one_of(&[None, Some("offer.accepted")])
                .map(str::to_owned),
            body: Bytes::from(vec![b'm'; self.random.below(9) as usize]),
            ordering_key: self
                .random
                .one_of(&[None, Some("a"), Some("b")])
                .map(str::to_owned),
        }
    }

    pub(super) async fn use_the_outbox(&mut self) {
        match self.random.below(12) {
            0..=3 => self.claim_messages().await,
            4..=7 => self.settle_message().await,
            8 => self.give_message_back().await,
            9 => self.disable_or_enable().await,
            10 => self.replay_messages().await,
            _ => self.prune_messages().await,
        }
    }

    async fn claim_messages(&mut self) {
        let limit = 1 + self.random.below(4) as usize;
        let requests = [0, 1].map(|number| MessageRequest {
            destination: destination(number),
            limit,
        });
        let lease = Duration::from_secs(20);
        let memory = self
            .memory
            .claim_messages(&requests, lease)
            .await
            .expect("a claim");
        let sqlite = self
            .sqlite
            .claim_messages(&requests, lease)
            .await
            .expect("a claim");
        assert_eq!(untokened(&memory), untokened(&sqlite));

        let pairs = memory.into_iter().zip(sqlite);
        self.message_leases
            .extend(pairs.map(|(memory, sqlite)| (memory.lease, sqlite.lease)));
    }

    /// Settles messages. Some of the leases are lost by then.
    async fn settle_message(&mut self) {
        let Some((memory, sqlite)) = self.take_message_leases() else {
            return;
        };

        let waiting = Next::Waiting {
            delay: Duration::from_secs(self.random.below(30)),
        };

        let failed = DeliveryResult::Failed {
            status: None,
            reason: "it is down".into(),
            after: None,
        };

        let ends = [
            (DeliveryResult::Sent { status: 200 }, Next::Done),
            (failed, waiting),
        ];
        let gone = (DeliveryResult::Gone, Next::Dead);
        let (result, next) = self
            .random
            .one_of(&[&ends[..], &ends[..], &[gone]].concat());
        let disable = (result == DeliveryResult::Gone && self.random.below(2) == 0)
            .then(|| "it is gone".to_owned());
        let (number, duration) = (
            memory.delivery,
            Duration::from_millis(self.random.below(99)),
        );
        let delivery = Delivery {
            number,
            started_at: self.now,
            duration,
            result,
            answer: None,
        };
        let is_spared = self.random.below(2) == 0;
        let settlement = MessageSettlement {
            lease: memory,
            delivery,
            next,
            is_spared,
            disable,
        };
        let in_sqlite = MessageSettlement {
            lease: sqlite,
            ..settlement.clone()
        };
        let memory = self.memory.settle_message(settlement).await;
        assert_eq!(
            summary(&memory),
            summary(&self.sqlite.settle_message(in_sqlite).await)
        );
    }

    fn take_message_leases(&mut self) -> Option<(MessageLease, MessageLease)> {
        let count = self.message_leases.len();
        (count > 0).then(|| {
            self.message_leases
                .remove(self.random.below(count as u64) as usize)
        })
    }

    async fn give_message_back(&mut self) {
        let Some((memory, sqlite)) = self.take_message_leases() else {
            return;
        };

        if self.random.below(2) == 0 {
            let lease = Duration::from_secs(self.random.below(60));
            self.memory
                .extend_messages(std::slice::from_ref(&memory), lease)
                .await
                .expect("an extension");
            self.sqlite
                .extend_messages(std::slice::from_ref(&sqlite), lease)
                .await
                .expect("an extension");
            self.message_leases.push((memory, sqlite));
        } else {
            self.memory
                .give_back_messages(&[memory])
                .await
                .expect("a release");
            self.sqlite
                .give_back_messages(&[sqlite])
                .await
                .expect("a release");
        }
    }

    async fn disable_or_enable(&mut self) {
        let destination = destination(self.random.below(2) as usize);
        if self.random.below(3) == 0 {
            let disabled = DisabledDestination {
                destination,
                reason: "by hand".into(),
                since: self.now,
            };
            self.memory
                .disable(disabled.clone())
                .await
                .expect("a disabling");
            self.sqlite.disable(disabled).await.expect("a disabling");
        } else {
            self.memory
                .enable(&destination, None)
                .await
                .expect("an enabling");
            self.sqlite
                .enable(&destination, None)
                .await
                .expect("an enabling");
        }
    }

    async fn replay_messages(&mut self) {
        let all = MessageSelection::default();
        let selection = match self.random.below(3) {
            0 => {
                let ids = (0..4)
                    .map(|_| id(u128::from(self.random.below(self.messages as u64 + 2))))
                    .collect();
                MessageSelection { ids, ..all }
            }
            1 => MessageSelection {
                destination: Some(destination(0).name),
                states: vec!["done".into()],
                ..all
            },
            _ => MessageSelection {
                event_type: Some("offer.accepted".into()),
                states: vec!["dead".into()],
                ..all
            },
        };
        let rate = self.random.one_of(&[None, Some(0.5)]);
        let replay = MessageReplay {
            selection,
            rate,
            now: self.now,
            dry_run: self.random.below(4) == 0,
        };

        let memory = self
            .memory
            .replay_messages(replay.clone())
            .await
            .expect("a replay");
        assert_eq!(
            memory,
            self.sqlite.replay_messages(replay).await.expect("a replay")
        );
    }

    async fn prune_messages(&mut self) {
        let age = Some(Duration::from_secs(self.random.below(400)));
        // The stores may remove messages in a different order in a small step, if there are two age
        // limits.
        let (fallback, limit) = match self.random.below(3) {
            0 => (
                RetentionLimits {
                    unsent_max_age: age,
                    ..RetentionLimits::default()
                },
                10_000,
            ),
            _ => (
                RetentionLimits {
                    age_max: age,
                    ..RetentionLimits::default()
                },
                1 + self.random.below(9) as usize,
            ),
        };

        let limits = Retention {
            fallback,
            ..Retention::default()
        };

        let memory = self
            .memory
            .prune_messages(&limits, self.now, limit)
            .await
            .expect("a step");
        let sqlite = self
            .sqlite
            .prune_messages(&limits, self.now, limit)
            .await
            .expect("a step");
        assert_eq!((memory.count, memory.bytes), (sqlite.count, sqlite.bytes));
    }

    pub(super) async fn has_message_leases(&self) -> bool {
        let selection = MessageSelection {
            states: vec!["leased".into()],
            ..MessageSelection::default()
        };
        let page = MessagePage::first(selection, 1);

        !self
            .memory
            .messages(page)
            .await
            .expect("the messages")
            .is_empty()
    }

    pub(super) async fn compare_outboxes(&mut self) {
        let all = || MessagePage::first(MessageSelection::default(), 10_000);
        let messages = self.memory.messages(all()).await.expect("the messages");
        assert_eq!(
            messages,
            self.sqlite.messages(all()).await.expect("the messages")
        );

        let id = id(u128::from(self.random.below(self.messages as u64 + 1)));
        let whole = self.memory.message(id).await.expect("a read");
        assert_eq!(whole, self.sqlite.message(id).await.expect("a read"));

        for number in [0, 1] {
            let of = [destination(number)];
            let due = self.memory.next_message_due(&of).await.expect("a time");
            assert_eq!(
                due,
                self.sqlite.next_message_due(&of).await.expect("a time"),
                "{}: {messages:#?}",
                of[0]
            );
        }

        let unsent = self.memory.unsent().await.expect("a count");
        assert_eq!(unsent, self.sqlite.unsent().await.expect("a count"));

        let disabled = self.memory.disabled().await.expect("the disabled");
        assert_eq!(
            disabled,
            self.sqlite.disabled().await.expect("the disabled")
        );

        let unsent = self
            .memory
            .unsent_destinations()
            .await
            .expect("the destinations");
        assert_eq!(
            unsent,
            self.sqlite
                .unsent_destinations()
                .await
                .expect("the destinations")
        );
    }
}
