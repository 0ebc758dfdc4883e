. lib/expect.sh
expect "total of the sample" 822.49 "$(sh ledger total books/sample.txt)"
