"""What several test files share: lines, journals, processes, users, servers and repositories. Fixtures: conftest."""
