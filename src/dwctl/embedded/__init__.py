"""The embedded side: the Laravel application's artisan and PHP, and its database, read only."""
