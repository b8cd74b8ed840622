#pragma once
#include "attention.h"
#include "engine.h"
#include "gemm.h"
#include "normalization.h"
#include "optimizer.h"
#include "pointwise.h"
#include "rows.h"
