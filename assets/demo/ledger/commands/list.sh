while read -r date cents category; do
  echo "$date $(money "$cents") $category"
done <"$book"
