//! The arguments of the programs that work on tables from the command line; the input comes last.

use crate::workload::Workload;

/// Miller: all workloads.
pub fn miller(workload: Workload) -> Vec<String> {
    let form: &[&str] =
        if workload == Workload::W6 { &["--ijsonl", "--ojsonl"] } else { &["--icsv", "--ocsv"] };
    let verbs: &[&str] = match workload {
        Workload::W1 => &[
            "filter",
            r#"$l_quantity > 30 && $l_shipmode == "AIR""#,
            "then",
            "cut",
            "-o",
            "-f",
            "l_orderkey,l_partkey,l_quantity,l_extendedprice,l_comment",
        ],
        Workload::W2 => {
            &["put", r#"$disc_price = fmtnum($l_extendedprice * (1 - $l_discount), "%.4f")"#]
        }
        Workload::W3 => &[
            "stats1",
            "-a",
            "sum,mean,count,min,max",
            "-f",
            "l_quantity,l_extendedprice,l_discount",
            "-g",
            "l_returnflag,l_linestatus",
            "then",
            "cut",
            "-o",
            "-f",
            "l_returnflag,l_linestatus,l_quantity_sum,l_extendedprice_sum,l_discount_mean,l_quantity_count,\
             l_extendedprice_min,l_extendedprice_max",
            "then",
            "rename",
            "l_quantity_sum,sum_qty,l_extendedprice_sum,sum_price,l_discount_mean,avg_disc,l_quantity_count,n,\
             l_extendedprice_min,min_price,l_extendedprice_max,max_price",
        ],
        Workload::W4 => &[
            "stats1",
            "-a",
            "count,sum",
            "-f",
            "amount",
            "-g",
            "user_id",
            "then",
            "rename",
            "amount_count,n,amount_sum,total",
        ],
        Workload::W5 => &["head", "-n", "1", "-g", "user_id"],
        Workload::W6 => &[
            "filter",
            "is_present($payload.size) && $payload.size >= 3",
            "then",
            "put",
            r#"$* = {"id": $id, "type": $type, "actor_login": $actor.login, "repo_name": $repo.name}"#,
        ],
    };
    form.iter().chain(verbs).map(ToString::to_string).collect()
}

/// xan: no JSON.
pub fn xan(workload: Workload, threads: &str) -> Option<Vec<String>> {
    let arguments: &[&str] = match workload {
        Workload::W1 => &[
            "parallel",
            "cat",
            "-t",
            threads,
            "-P",
            "filter 'l_quantity > 30 && l_shipmode eq \"AIR\"' | \
             select l_orderkey,l_partkey,l_quantity,l_extendedprice,l_comment",
        ],
        Workload::W2 => &[
            "parallel",
            "cat",
            "-t",
            threads,
            "-P",
            "map 'l_extendedprice * (1 - l_discount) as disc_price'",
        ],
        Workload::W3 => &[
            "parallel",
            "groupby",
            "-t",
            threads,
            "l_returnflag,l_linestatus",
            "sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_price, mean(l_discount) as avg_disc, \
             count() as n, min(l_extendedprice) as min_price, max(l_extendedprice) as max_price",
        ],
        Workload::W4 => &["groupby", "user_id", "count() as n, sum(amount) as total"],
        Workload::W5 => &["dedup", "-s", "user_id"],
        Workload::W6 => return None,
    };
    Some(arguments.iter().map(ToString::to_string).collect())
}

/// qsv: what it does by itself. Its SQL is that of Polars, which takes part.
pub fn qsv(workload: Workload) -> Option<Vec<String>> {
    let arguments: &[&str] = match workload {
        Workload::W5 => &["extdedup", "--select", "user_id"],
        _ => return None,
    };
    Some(arguments.iter().map(ToString::to_string).collect())
}
