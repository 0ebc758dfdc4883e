. lib/expect.sh
expect "the sample as a list" "2024-01-03 12.50 food
2024-01-09 800.00 rent
2024-02-01 9.99 books" "$(sh ledger list books/sample.txt)"
