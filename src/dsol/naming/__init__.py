"""From clusters to categories: by a labelled store, or by a person who inspects them."""
