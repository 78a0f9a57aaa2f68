module hookyard

go 1.24
