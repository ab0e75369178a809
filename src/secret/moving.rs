//! From one store to another: each secret is copied, read back and compared before anybody is told to use the new one, and
//! deleted from the old one after that. What fails on the way leaves the old store as it was.

use super::{Secret, SecretStore, StoreError};
use crate::canonical;

/// Secrets that are in both stores now.
#[derive(Debug)]
pub struct Copied(Vec<(String, [u8; 32])>);

impl Copied {
    /// Copies the secrets of these names. On failure the new store has none of them.
    ///
    /// # Errors
    /// A store does not answer, or the new one gives back something else.
    pub async fn of(from: &dyn SecretStore, to: &dyn SecretStore, names: &[String]) -> Result<Self, StoreError> {
        let mut copied = Self(Vec::new());
        for name in names {
            match copy(from, to, name).await {
                Ok(Some(digest)) => copied.0.push((name.clone(), digest)),
                Ok(None) => {}
                Err(error) => {
                    copied.0.push((name.clone(), [0; 32]));
                    copied.undo(to).await;
                    return Err(error);
                }
            }
        }
        Ok(copied)
    }

    /// Those that are in both stores already, the same in each.
    ///
    /// # Errors
    /// A store does not answer.
    pub async fn again(from: &dyn SecretStore, to: &dyn SecretStore, names: &[String]) -> Result<Self, StoreError> {
        let mut both = Self(Vec::new());
        for name in names {
            if let (Some(old), Some(new)) = (from.get(name).await?, to.get(name).await?)
                && digest_of(&old) == digest_of(&new)
            {
                both.0.push((name.clone(), digest_of(&new)));
            }
        }
        Ok(both)
    }

    /// No copies, such as in a store that is not there.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes the copies back.
    pub async fn undo(self, to: &dyn SecretStore) {
        for (name, _) in self.0 {
            if let Err(error) = to.delete(&name).await {
                tracing::warn!("a copy of `{name}` is left behind: {error}");
            }
        }
    }

    /// Deletes from the old store, now that nobody uses it: first whatever was written there meanwhile is carried over.
    ///
    /// # Errors
    /// A store does not answer. Everything is in the new one all the same, and doing it again deletes the rest.
    pub async fn finish(self, from: &dyn SecretStore, to: &dyn SecretStore) -> Result<(), StoreError> {
        for (name, digest) in self.0 {
            let newer = from.get(&name).await?.filter(|secret| digest_of(secret) != digest);
            if newer.is_some() && to.get(&name).await?.is_some_and(|secret| digest_of(&secret) == digest) {
                copy(from, to, &name).await?;
            }
            from.delete(&name).await?;
        }
        Ok(())
    }
}

async fn copy(from: &dyn SecretStore, to: &dyn SecretStore, name: &str) -> Result<Option<[u8; 32]>, StoreError> {
    let Some(secret) = from.get(name).await? else { return Ok(None) };
    let digest = digest_of(&secret);
    to.put(name, secret).await?;
    if to.get(name).await?.is_some_and(|back| digest_of(&back) == digest) {
        return Ok(Some(digest));
    }
    Err(StoreError::Broken(format!("the new store does not give back `{name}` as it was; nothing was moved")))
}

fn digest_of(secret: &Secret) -> [u8; 32] {
    canonical::sha256("agentport/secret/moving", &[secret.expose().as_bytes()])
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::doubles::Memory;

    /// A store that fails at its so-many-th request, or gives back something else.
    #[derive(Debug)]
    struct Faulty {
        inner: Memory,
        left: AtomicUsize,
        lies: bool,
    }

    impl Faulty {
        fn after(requests: usize) -> Self {
            Self { inner: Memory::default(), left: AtomicUsize::new(requests), lies: false }
        }

        fn step(&self) -> Result<(), StoreError> {
            let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            before.map(drop).map_err(|_| StoreError::Timeout)
        }
    }

    #[async_trait]
    impl SecretStore for Faulty {
        async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
            self.step()?;
            if self.lies { Ok(Some(Secret::new("else".to_owned()))) } else { self.inner.get(name).await }
        }
        async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
            self.step()?;
            self.inner.put(name, secret).await
        }
        async fn delete(&self, name: &str) -> Result<(), StoreError> {
            self.inner.delete(name).await
        }
    }

    fn names() -> Vec<String> {
        (0..3).map(|number| format!("account/stripe/{number}")).collect()
    }

    async fn stocked() -> Memory {
        let store = Memory::default();
        for name in names() {
            store.put(&name, Secret::new(format!("of {name}"))).await.unwrap();
        }
        store
    }

    fn contents(store: &Memory) -> Vec<String> {
        store.secrets.lock().unwrap().values().cloned().collect()
    }

    #[tokio::test]
    async fn all_go_over_and_none_stays() {
        let (from, to) = (stocked().await, Memory::default());
        let before = contents(&from);
        let copied = Copied::of(&from, &to, &[names(), vec!["factor/gone".to_owned()]].concat()).await.unwrap();
        assert_eq!((copied.count(), contents(&from)), (3, before.clone()));
        copied.finish(&from, &to).await.unwrap();
        assert_eq!((contents(&from), contents(&to)), (Vec::new(), before));
    }

    #[tokio::test]
    async fn wherever_the_new_store_fails_the_old_one_has_all_and_the_new_one_nothing() {
        let from = stocked().await;
        let before = contents(&from);
        for requests in 0..6 {
            let to = Faulty::after(requests);
            assert_eq!(Copied::of(&from, &to, &names()).await.unwrap_err(), StoreError::Timeout);
            assert_eq!((contents(&from), contents(&to.inner)), (before.clone(), Vec::new()), "{requests}");
        }
        let liar = Faulty { lies: true, ..Faulty::after(100) };
        assert!(matches!(Copied::of(&from, &liar, &names()).await, Err(StoreError::Broken(_))));
        assert_eq!((contents(&from), contents(&liar.inner)), (before, Vec::new()));
    }

    #[tokio::test]
    async fn what_an_interrupted_move_left_behind_is_found_again() {
        let (from, to) = (stocked().await, Memory::default());
        Copied::of(&from, &to, &names()).await.unwrap();
        to.put(&names()[0], Secret::new("renewed since".to_owned())).await.unwrap();
        let left = Copied::again(&from, &to, &names()).await.unwrap();
        assert_eq!(left.count(), 2);
        left.finish(&from, &to).await.unwrap();
        assert_eq!(contents(&from), ["of account/stripe/0"]);
        assert_eq!(contents(&to), ["renewed since", "of account/stripe/1", "of account/stripe/2"]);
    }

    #[tokio::test]
    async fn what_is_written_meanwhile_is_not_lost() {
        let (from, to) = (stocked().await, Memory::default());
        let copied = Copied::of(&from, &to, &names()).await.unwrap();
        // a sign-in was renewed by a process that had not noticed yet, and another by one that had
        from.put(&names()[0], Secret::new("renewed there".to_owned())).await.unwrap();
        to.put(&names()[1], Secret::new("renewed here".to_owned())).await.unwrap();
        from.put(&names()[1], Secret::new("older".to_owned())).await.unwrap();
        copied.finish(&from, &to).await.unwrap();
        assert_eq!(contents(&to), ["renewed there", "renewed here", "of account/stripe/2"]);
        assert_eq!(contents(&from), Vec::<String>::new());
    }
}
