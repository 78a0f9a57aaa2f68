module plugin/decide

go 1.24

require hookyard v0.0.0

replace hookyard => ./gen/sdk
