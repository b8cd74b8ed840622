#pragma once
#include "engine.h"
/* Gathering, scattering and rearranging of token rows and patches; pixel losses. */
